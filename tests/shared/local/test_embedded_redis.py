"""The embedded server keeps its data, requires its password, and does not reveal it."""

import asyncio
from pathlib import Path

import psutil
import pytest
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
        await asyncio.to_thread(self.server.wait_until_loaded)
        self.client = redis.Redis.from_url(self.server.url)
        return self.client

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        await self._child.stop()
        await self._task


async def test_keeps_its_data_over_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / 'with "quotes" and spaces'
    async with RunningServer(EmbeddedRedis.create(folder, durable=False)) as client:
        client.set("kept", "yes")
        psutil.Process(client.info("server")["process_id"]).kill()
    async with RunningServer(EmbeddedRedis.create(folder, durable=False)) as client:
        assert client.get("kept") == b"yes"


async def test_is_set_up_to_lose_nothing_and_to_refuse_strangers(tmp_path: Path) -> None:
    server = EmbeddedRedis.create(tmp_path, durable=False)
    async with RunningServer(server) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "no"}
        process = psutil.Process(client.info("server")["process_id"])
        assert server.password not in " ".join(process.cmdline())
        with (
            redis.Redis(port=server.port) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


async def test_on_disk_it_syncs_before_it_answers(tmp_path: Path) -> None:
    async with RunningServer(EmbeddedRedis.create(tmp_path, durable=True)) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
