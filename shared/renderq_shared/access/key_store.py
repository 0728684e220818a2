"""Stores of API keys in Redis: one for commands, one for the API's event loop."""

import secrets
from collections.abc import Sequence

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.access import script_calls
from renderq_shared.access.records import Admission, AdmissionLimits, KeyList, KeyRecord, NewKey
from renderq_shared.redis.scripts import execute, execute_async


class KeyStore:
    """API keys for operators. Every call is safe to repeat. Methods raise `StoreUnavailable`."""

    def __init__(self, client: Redis) -> None:
        """`client` decodes replies to text."""
        self._client = client

    def create(self, key: NewKey) -> KeyRecord | None:
        """Add a key; `None` if its id is taken."""
        return execute(self._client, script_calls.create(key))

    def revoke(self, key_id: str) -> KeyRecord | None:
        """Revoke a key; `None` for an unknown one. A revoked key stays in the list."""
        return execute(self._client, script_calls.revoke(key_id))

    def read(self) -> KeyList:
        """Return all keys."""
        return execute(self._client, script_calls.read(None))

    def reset(self) -> None:
        """Delete all keys, as if none had ever been created."""
        execute(self._client, script_calls.reset())


class AsyncKeyStore:
    """API keys for the API. Methods raise `StoreUnavailable`."""

    def __init__(self, client: AsyncRedis) -> None:
        """`client` decodes replies to text."""
        self._client = client

    async def read(self, known: str | None) -> KeyList:
        """Return all keys, or none of them if version `known` is current."""
        return await execute_async(self._client, script_calls.read(known))

    async def record_use(self, key_ids: Sequence[str]) -> None:
        """Record that these keys were used just now."""
        await execute_async(self._client, script_calls.record_use(key_ids))

    async def admit_visitor(self, key: NewKey, client: str, limits: AdmissionLimits) -> Admission:
        """Add the key of a visitor, if there is a place. Safe to repeat.

        `client`: keyed hash of the client's address. Redis stores only a hash of it with a salt, and deletes the salt
        at the end of the day (UTC).
        """
        return await execute_async(self._client, script_calls.admit_visitor(key, client, secrets.token_hex(16), limits))

    async def expired_visitors(self, limit: int) -> tuple[str, ...]:
        """Return the ids of keys of visitors that have expired and were not removed."""
        return await execute_async(self._client, script_calls.expired_visitors(limit))

    async def remove_visitors(self, key_ids: Sequence[str]) -> None:
        """Delete keys of visitors. Safe to repeat."""
        await execute_async(self._client, script_calls.remove_visitors(key_ids))
