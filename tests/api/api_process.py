"""An API server in a separate process, which tests can kill."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.polling import wait_until


class ApiProcess:
    """`renderq api` with these settings; runs until the `with` block ends or it is killed."""

    def __init__(self, data: Path, redis_url: str, **settings: Any) -> None:
        self._argv = [sys.executable, "-m", "renderq", "api", "--port", "0", "--data", str(data)]
        variables = {"redis_url": redis_url, **settings}
        self._log = data / "api.log"
        self._env = {**os.environ, **{f"RENDERQ_{name.upper()}": str(value) for name, value in variables.items()}}

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._argv, env=self._env, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line.startswith("ready "), self._log.read_text()
        self.url = line.split()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def wait_for_log(self, text: str) -> str:
        """Wait until the log contains `text` and return the log."""
        wait_until(lambda: text in self._log.read_text(encoding="utf-8"))
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
