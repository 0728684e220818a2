"""An API in a process of its own, that one can kill."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx2


class ApiProcess:
    """`renderq api`, with these settings, while the `with` block runs or until it is killed."""

    def __init__(self, data: Path, redis_url: str, **settings: Any) -> None:
        self._argv = [sys.executable, "-m", "renderq", "api", "--port", "0", "--data", str(data)]
        given = {"redis_url": redis_url, **settings}
        self._env = {**os.environ, **{f"RENDERQ_{name.upper()}": str(value) for name, value in given.items()}}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, env=self._env, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line.startswith("ready "), "the API did not start"
        self.url = line.split()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
