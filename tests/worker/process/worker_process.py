"""A worker in a process of its own, started by its command."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.polling import wait_until

_PROGRAM = """
import sys
from renderq.cli import main
sys.exit(main(["worker", *sys.argv[1:]]))
"""

START_TIMEOUT_S = 90.0


class WorkerProcess:
    """Use as a context manager; `settings` are passed as `RENDERQ_` environment variables."""

    def __init__(self, redis_url: str, data: Path, *options: str, **settings: Any) -> None:
        self.log: list[str] = []
        environment = {f"RENDERQ_{name.upper()}": str(value) for name, value in settings.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "--redis-url", redis_url, "--data", str(data), *options],
            env={**os.environ, "OMP_NUM_THREADS": "1", "RENDERQ_LOG_FORMAT": "json", **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.wait()

    def wait_for_log(self, text: str) -> None:
        """Wait until a line of the log contains `text`."""
        wait_until(lambda: self._process.poll() is not None or any(text in line for line in self.log), text)
        assert any(text in line for line in self.log), "\n".join(self.log)

    def has_loaded(self, library: str) -> bool:
        """Return whether a file of the library is mapped into the process."""
        return f"/{library}/" in Path(f"/proc/{self._process.pid}/maps").read_text()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Wait for the process to exit; return its exit code."""
        code = self._process.wait(timeout=START_TIMEOUT_S)
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(line.rstrip("\n") for line in self._process.stderr)
