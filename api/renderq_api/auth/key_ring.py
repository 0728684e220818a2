"""The API keys as this process knows them: all of them, so that no request asks Redis who it comes from."""

import asyncio
import contextlib
import time
from math import inf

import structlog

from renderq_api.auth.caller import Caller
from renderq_shared.access import AsyncKeyStore, KeyRecord
from renderq_shared.errors import StoreUnavailable

log = structlog.get_logger(__name__)

POLL_S = 2.0
"""How often the keys are asked for, in case the message of a change was lost."""

MAX_AGE_S = 10.0
"""Keys that were read longer ago are not believed: no revocation can take longer, whatever fails."""

USE_S = 60.0
"""How often it is noted that a key is in use."""


class KeyRing:
    """`run` keeps it up to date; `look` says that there is news.

    A process that has once asked for keys never stops: neither a last key that is revoked nor a Redis that was emptied
    opens it up.
    """

    def __init__(self, store: AsyncKeyStore, *, required: bool) -> None:
        """`required`: ask for keys even before the first one is made."""
        self._store = store
        self.required = required
        """Whether requests need a key, as far as this process knows."""
        self._keys: dict[str, KeyRecord] = {}
        self._of_tenant: dict[str, list[KeyRecord]] = {}
        self._version: str | None = None
        self._read_at = -inf
        self._clock_ms = 0.0
        """Redis' clock less our monotonic one."""
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._in_use: set[str] = set()
        self._noted_at: dict[str, float] = {}

    def now_ms(self) -> int:
        """Redis' time, so that all processes agree on what has expired."""
        return round(time.monotonic() * 1000 + self._clock_ms)

    def is_live(self, key: KeyRecord) -> bool:
        """Whether a key that was found before still works."""
        current = self._keys.get(key.id)
        return current is not None and current.digest == key.digest and current.is_live(self.now_ms())

    def weight(self, tenant: str) -> float:
        """A tenant's share of a model's time: the largest of its keys that work; 1 for one without."""
        keys = self._of_tenant.get(tenant, ())
        return max((key.weight for key in keys if key.is_live(self.now_ms())), default=1.0)

    @property
    def tenants(self) -> frozenset[str]:
        """All that ever had a key."""
        return frozenset(self._of_tenant)

    def admits(self, caller: Caller) -> bool:
        """Whether one who was let in still would be."""
        return not self.required if caller.key is None else self.is_live(caller.key)

    async def ensure_fresh(self) -> None:
        """Make sure that what this ring says can be believed. Raises `StoreUnavailable`."""
        if time.monotonic() - self._read_at > MAX_AGE_S:
            await self.read()

    async def find(self, key_id: str) -> KeyRecord | None:
        """A key, live or not; one that is unknown may just have been made. Raises `StoreUnavailable`."""
        if key_id not in self._keys:
            await self.read()
        return self._keys.get(key_id)

    async def read(self) -> None:
        """Read the keys as they are now, together with whoever else wants to. Raises `StoreUnavailable`."""
        asked_at = time.monotonic()
        while self._read_at < asked_at:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            await asyncio.shield(self._reading)

    def refresh(self) -> None:
        """There may be other keys now."""
        self._changed.set()

    def record_use(self, key: KeyRecord) -> None:
        self._in_use.add(key.id)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self.read()
                await self._tell_use()
            except StoreUnavailable:
                pass  # the sweeps tell of it
            except Exception:
                log.exception("keys_not_read")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()

    async def _read(self) -> None:
        began = time.monotonic()
        found = await self._store.read(self._version)
        if found.keys is not None:
            self._keys = {key.id: key for key in found.keys}
            self._of_tenant = {}
            for key in found.keys:
                self._of_tenant.setdefault(key.tenant, []).append(key)
            self._version = found.version
            log.info("keys_read", live=sum(key.is_live(found.now_ms) for key in found.keys))
        self.required = self.required or found.version is not None
        self._clock_ms = found.now_ms - began * 1000
        self._read_at = began

    async def _tell_use(self) -> None:
        now = time.monotonic()
        due = [key_id for key_id in self._in_use if now - self._noted_at.get(key_id, -inf) >= USE_S]
        if due:
            await self._store.record_use(due)
            self._noted_at.update(dict.fromkeys(due, now))
            self._in_use.difference_update(due)
