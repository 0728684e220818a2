"""A standstill of the event loop is not taken for a server that does not respond."""

import asyncio
import time

import pytest
from redis.exceptions import TimeoutError as RedisTimeout

from renderq_shared.redis.clients import async_client
from tests.valkey_server import Valkey


@pytest.mark.parametrize("is_connected", [True, False])
@pytest.mark.parametrize("turns", range(8))
async def test_a_reply_that_arrives_while_the_loop_stands_still_is_read(
    redis_url: str, valkey: Valkey, is_connected: bool, turns: int
) -> None:
    async with async_client(redis_url, timeout_s=20) as client:
        if is_connected:
            await client.ping()
        valkey.pause()
        try:
            call = asyncio.create_task(client.echo("x"))
            for _ in range(turns):
                await asyncio.sleep(0)
            skip_time(30)
        finally:
            valkey.resume()
        assert await call == "x"


async def test_a_server_that_does_not_respond_is_a_timeout(redis_url: str, valkey: Valkey) -> None:
    async with async_client(redis_url, timeout_s=0.1) as client:
        valkey.pause()
        try:
            with pytest.raises(RedisTimeout, match=r"no reply within 0\.1 s"):
                await client.echo("x")
        finally:
            valkey.resume()


def skip_time(seconds: float) -> None:
    """Let the loop's clock jump, as it does for the loop when another callback has kept it busy."""
    loop = asyncio.get_running_loop()
    loop.time = lambda: time.monotonic() + seconds
