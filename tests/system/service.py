"""The whole service as its users start it: `renderq up` in a process of its own, driven over HTTP."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx2
import psutil

from tests.fast_model.catalog import MODELS_TOML
from tests.system.http_user import HttpUser

START_TIMEOUT_S = 90


class Service(HttpUser):
    """One `renderq up` on a data folder. Start it again on the same folder as often as you like."""

    def __init__(
        self, data: Path, *options: str, models: Path | None = MODELS_TOML, env: Mapping[str, str] | None = None
    ) -> None:
        """`models`: the catalog, by default that of the fast model; None for the model that ships."""
        catalog = () if models is None else ("--models", str(models))
        self._argv = [sys.executable, "-m", "renderq", "up", "--port", "0", "--data", str(data), *catalog, *options]
        self.env = {**os.environ, "OMP_NUM_THREADS": "1", "RENDERQ_THREADS": "1", **(env or {})}
        self.log: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Wait until the service reports that it is ready."""
        self._process = subprocess.Popen(
            self._argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._log_reader = threading.Thread(target=self._read_log, daemon=True)
        self._log_reader.start()
        watchdog = threading.Timer(START_TIMEOUT_S, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("ready http://"), f"renderq up did not become ready:\n{self.log_text}"
        self.url = line.split()[1]
        self.http = httpx2.Client(base_url=self.url, timeout=70, trust_env=False)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.send_signal(signal.SIGINT)
        return self.wait()

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        self.http.close()
        code = self._process.wait(timeout=30)
        self._close_pipes()
        return code

    def kill_everything(self) -> None:
        """kill -9 for every process at once."""
        self.http.close()
        processes = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=10)
        self._process.wait()
        self._close_pipes()

    def process(self, name: str) -> psutil.Process:
        """The process of one part: `api`, `worker` or `redis`."""
        for child in psutil.Process(self._process.pid).children():
            command = child.cmdline()
            if command[-1:] == [name] or (name == "redis" and "valkey" in command[0]):
                return child
        raise AssertionError(f"there is no {name} process")

    @property
    def redis_url(self) -> str:
        """Address of the embedded Redis, as its clients know it."""
        return self.process("api").environ()["RENDERQ_REDIS_URL"]

    @property
    def log_text(self) -> str:
        return "\n".join(self.log)

    def _close_pipes(self) -> None:
        self._log_reader.join(timeout=30)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(line.rstrip("\n") for line in self._process.stderr)
