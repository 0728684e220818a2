"""API keys in Redis: for operators' commands, and for the API's event loop."""

from collections.abc import Sequence

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.access import redis_commands
from renderq_shared.access.records import KeyList, KeyRecord, NewKey
from renderq_shared.redis.scripts import execute, execute_async


class KeyStore:
    """What an operator does with keys. Every call may be repeated blindly. Raises `StoreUnavailable`."""

    def __init__(self, client: Redis) -> None:
        """`client` decodes replies to text."""
        self._client = client

    def create(self, key: NewKey) -> KeyRecord | None:
        """Add a key; `None` if its id is taken."""
        return execute(self._client, redis_commands.create(key))

    def revoke(self, key_id: str) -> KeyRecord | None:
        """Make a key worthless; `None` for one that there never was. It stays in the list."""
        return execute(self._client, redis_commands.revoke(key_id))

    def read(self) -> KeyList:
        """Every key."""
        return execute(self._client, redis_commands.read(None))

    def reset(self) -> None:
        """Forget every key, as if there had never been one."""
        execute(self._client, redis_commands.reset())


class AsyncKeyStore:
    """What the API does with keys. Raises `StoreUnavailable`."""

    def __init__(self, client: AsyncRedis) -> None:
        """`client` decodes replies to text."""
        self._client = client

    async def read(self, known: str | None) -> KeyList:
        """All keys, unless they are those of version `known`."""
        return await execute_async(self._client, redis_commands.read(known))

    async def record_use(self, key_ids: Sequence[str]) -> None:
        """Note that these were used just now."""
        await execute_async(self._client, redis_commands.record_use(key_ids))
