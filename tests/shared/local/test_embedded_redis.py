"""The embedded server keeps its data, requires its password, and does not reveal it."""

import asyncio
import dataclasses
import time
from pathlib import Path

import psutil
import pytest
import redis

from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.local.processes import StartupRejected, SupervisedProcess
from tests.shared.local.embedded_server import RunningServer, damage_append_only_file


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


async def test_loading_may_take_longer_than_the_server_may_be_silent(tmp_path: Path) -> None:
    """While it loads, the server replies after every 1,024 commands: here about every 0.1 s."""
    async with RunningServer(EmbeddedRedis.create(tmp_path, durable=False)) as client:
        with client.pipeline() as pipeline:
            for number in range(32 * 1024):
                pipeline.set(f"key:{number}", "value")
            pipeline.execute()
    server = EmbeddedRedis.create(tmp_path, durable=False)
    spec = server.spec()
    slow = dataclasses.replace(spec, stdin=spec.stdin + b"key-load-delay 60\n")
    child = SupervisedProcess(slow, lambda *_: None)
    running = asyncio.create_task(child.run())
    started = time.monotonic()
    await server.wait_until_loaded(lambda _: None, silence_s=2.0)
    assert time.monotonic() - started > 2.0
    await child.stop()
    await running


async def test_a_server_that_cannot_read_its_data_says_so_and_is_not_restarted(tmp_path: Path) -> None:
    async with RunningServer(EmbeddedRedis.create(tmp_path, durable=False)) as client:
        for number in range(100):
            client.set(f"key:{number}", "value")
    damage_append_only_file(tmp_path)
    child = SupervisedProcess(EmbeddedRedis.create(tmp_path, durable=False).spec(), lambda *_: None)
    with pytest.raises(
        StartupRejected, match="redis cannot start: Bad file format reading the append only file"
    ) as error:
        await asyncio.wait_for(child.run(), 30)
    assert str(tmp_path) in str(error.value)
    assert "valkey-check-aof" in str(error.value)
