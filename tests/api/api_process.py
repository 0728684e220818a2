"""An API in a process of its own, that one can kill."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.api.running_api import wait_until


class ApiProcess:
    """`renderq api`, with these settings, while the `with` block runs or until it is killed."""

    def __init__(self, data: Path, redis_url: str, **settings: Any) -> None:
        self._argv = [sys.executable, "-m", "renderq", "api", "--port", "0", "--data", str(data)]
        given = {"redis_url": redis_url, **settings}
        self._log = data / "api.log"
        self._env = {**os.environ, **{f"RENDERQ_{name.upper()}": str(value) for name, value in given.items()}}

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
        """What it has logged, once this is in it."""
        wait_until(lambda: text in self._log.read_text(encoding="utf-8"))
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
