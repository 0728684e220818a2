"""An embedded server that runs, and one whose file is damaged."""

import asyncio
from pathlib import Path

import redis

from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.local.processes import SupervisedProcess


class RunningServer:
    """An embedded server, run as by `renderq up`."""

    def __init__(self, server: EmbeddedRedis) -> None:
        self.server = server

    async def __aenter__(self) -> redis.Redis:
        self._child = SupervisedProcess(self.server.spec(), lambda *_: None)
        self._task = asyncio.create_task(self._child.run())
        await self.server.wait_until_loaded(lambda _: None)
        self.client = redis.Redis.from_url(self.server.url)
        return self.client

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        await self._child.stop()
        await self._task


def damage_append_only_file(folder: Path) -> None:
    [file] = (folder / "appendonlydir").glob("*.incr.aof")
    data = bytearray(file.read_bytes())
    middle = data.find(b"\r\n*", len(data) // 2) + 2
    data[middle : middle + 6] = bytes(6)
    file.write_bytes(data)
