"""The supervisor stops at once on a signal, in any state of its server, and when its server cannot start."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from renderq_shared.local.embedded_redis import EmbeddedRedis
from tests.shared.local.embedded_server import RunningServer, damage_append_only_file

SUPERVISOR = """
import asyncio, dataclasses, sys
from pathlib import Path
from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.local.processes import ProcessSpec
from renderq_shared.local.supervisor import LaunchPlan, Supervisor

class SlowRedis(EmbeddedRedis):
    def spec(self):
        spec = EmbeddedRedis.spec(self)
        return dataclasses.replace(spec, stdin=spec.stdin + f"key-load-delay {sys.argv[2]}\\n".encode())

redis = SlowRedis.create(Path(sys.argv[1]), durable=False)
api = ProcessSpec("api", ("sleep", "1000"), {}, stop_seconds=1)
sys.exit(asyncio.run(Supervisor(LaunchPlan("http://127.0.0.1:1", redis, redis.url, api, [], False)).run()))
"""


async def fill(folder: Path) -> None:
    async with RunningServer(EmbeddedRedis.create(folder, durable=False)) as client:
        for number in range(100):
            client.set(f"key:{number}", "value")


def read_until(stream: IO[str], text: str) -> None:
    while text not in (line := stream.readline()):
        assert line, f"it ended without {text!r}"


def supervise(folder: Path, load_us: int = 0) -> subprocess.Popen[str]:
    """`load_us`: time that its server takes to load a key, in microseconds."""
    argv = [sys.executable, "-c", SUPERVISOR, str(folder), str(load_us)]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_ends_it_while_its_server_loads(tmp_path: Path) -> None:
    """Loading takes 100 s, in which the server does not reply."""
    asyncio.run(fill(tmp_path))
    with supervise(tmp_path, load_us=1_000_000) as process:
        assert process.stderr is not None
        read_until(process.stderr, "DB loaded from base file")
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "killing it" not in log


def test_a_server_that_cannot_read_its_data_ends_it(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path))
    damage_append_only_file(tmp_path)
    with supervise(tmp_path) as process:
        _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    last = log.splitlines()[-1]
    assert "redis cannot start: Bad file format reading the append only file" in last
    assert "restarting" not in log


def test_a_disk_that_cannot_sync_does_not_end_it(tmp_path: Path) -> None:
    """A folder in the place of a file cannot be synced."""
    with supervise(tmp_path) as process:
        assert process.stderr is not None
        read_until(process.stderr, "Ready to accept connections")
        obstacle = tmp_path / "appendonlydir" / "obstacle.aof"
        obstacle.mkdir()
        read_until(process.stderr, "cannot sync the data to disk")
        obstacle.rmdir()
        read_until(process.stderr, "synced to disk again")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
