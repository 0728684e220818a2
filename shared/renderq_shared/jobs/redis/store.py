"""Job store in Redis or Valkey: one round trip per command."""

from typing import TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.jobs.commands import Command
from renderq_shared.jobs.redis.script_calls import script_call
from renderq_shared.redis.bounded_redis import BoundedRedis
from renderq_shared.redis.scripts import execute, execute_async

Result = TypeVar("Result")


class RedisJobStore:
    """`JobStore` in Redis, for workers, commands and tests."""

    def __init__(self, client: Redis) -> None:
        """`client` decodes replies to text (`sync_client`)."""
        self._client = client

    def call(self, command: Command[Result]) -> Result:
        return execute(self._client, script_call(command))


class AsyncRedisJobStore:
    """`AsyncJobStore` in Redis, for the API."""

    def __init__(self, client: AsyncRedis, durable_client: BoundedRedis | None = None) -> None:
        """`client` decodes replies to text (`async_client`).

        With `durable_client` (the same with a longer timeout), a durable command returns once it is on the
        server's disk.
        """
        self._client = client
        self._durable_client = durable_client

    async def call(self, command: Command[Result]) -> Result:
        durable_client = self._durable_client if command.is_durable else None
        send = durable_client.execute_durable if durable_client else None
        return await execute_async(self._client, script_call(command), send)
