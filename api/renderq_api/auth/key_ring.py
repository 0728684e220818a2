"""In-process cache of all API keys, so that authentication needs no Redis call per request."""

import asyncio
import contextlib
import time
from math import inf

import structlog

from renderq_api.auth.caller import Caller
from renderq_shared.access import AsyncKeyStore, KeyRecord, Role
from renderq_shared.errors import StoreUnavailable
from renderq_shared.outage import Outage

log = structlog.get_logger(__name__)

POLL_S = 2.0
"""Interval at which the keys are reread, in case a change notification was lost."""

MAX_AGE_S = 10.0
"""Maximum age of the cached keys. A revoked key works no longer than this, even if notifications fail."""

USE_S = 60.0
"""Minimum interval between two records of a key's use."""


class KeyRing:
    """Cache of the API keys. `run` keeps it up to date; `refresh` makes it reread at once.

    Once keys are required, this process requires them until it ends: neither revoking the last key nor emptying Redis
    opens the service.
    """

    def __init__(self, store: AsyncKeyStore, *, required: bool) -> None:
        """`required`: require keys even before the first one is created."""
        self._store = store
        self.required = required
        """True if requests need a key, as far as this process knows."""
        self._keys: dict[str, KeyRecord] = {}
        self._of_tenant: dict[str, list[KeyRecord]] = {}
        self._version: str | None = None
        self._read_at = -inf
        self._clock_ms = 0.0
        """Redis' clock minus our monotonic clock."""
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._in_use: set[str] = set()
        self._recorded_at: dict[str, float] = {}

    def now_ms(self) -> int:
        """Return Redis' time, so that all processes agree on expiry."""
        return round(time.monotonic() * 1000 + self._clock_ms)

    def is_live(self, key: KeyRecord) -> bool:
        """Return whether a key found earlier is still valid."""
        current = self._keys.get(key.id)
        return current is not None and current.digest == key.digest and current.is_live(self.now_ms())

    def weight(self, tenant: str) -> float:
        """Return the tenant's weight in the fair queue: the largest of its live keys, 1 without one."""
        keys = self._of_tenant.get(tenant, ())
        return max((key.weight for key in keys if key.is_live(self.now_ms())), default=1.0)

    def ends_ms(self, tenant: str) -> int | None:
        """Return when all data of a tenant is deleted: at the end of a visitor's key; `None` for any other tenant."""
        keys = self._of_tenant.get(tenant, ())
        return next((key.expires_ms for key in keys if key.role is Role.VISITOR), None)

    @property
    def tenants(self) -> frozenset[str]:
        """All tenants that ever had a key."""
        return frozenset(self._of_tenant)

    def admits(self, caller: Caller) -> bool:
        """Return whether a caller admitted earlier would still be admitted."""
        return not self.required if caller.key is None else self.is_live(caller.key)

    async def ensure_fresh(self) -> None:
        """Reread the keys if they are older than `MAX_AGE_S`. Raises `StoreUnavailable`."""
        if time.monotonic() - self._read_at > MAX_AGE_S:
            await self.read()

    async def find(self, key_id: str) -> KeyRecord | None:
        """Return a key, live or not. Rereads for an unknown id: the key may be new. Raises `StoreUnavailable`."""
        if key_id not in self._keys:
            await self.read()
        return self._keys.get(key_id)

    async def read(self) -> None:
        """Read the current keys; concurrent calls share one read. Raises `StoreUnavailable`."""
        called_at = time.monotonic()
        while self._read_at < called_at:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            await asyncio.shield(self._reading)

    def refresh(self) -> None:
        """Make `run` reread the keys now."""
        self._changed.set()

    def record_use(self, key: KeyRecord) -> None:
        """Note that a key was used; `run` writes it to Redis."""
        self._in_use.add(key.id)

    async def run(self) -> None:
        """Reread the keys and record their use until canceled."""
        outage = Outage()
        while True:
            self._changed.clear()
            try:
                await self.read()
                await self._flush_use()
                outage.end()
            except StoreUnavailable as error:
                if error.key and outage.has_new_cause(error):  # the sweeper logs what it sees, too
                    log.warning("api_keys.read_failed", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()

    async def _read(self) -> None:
        started = time.monotonic()
        stored = await self._store.read(self._version)
        if stored.keys is not None:
            self._keys = {key.id: key for key in stored.keys}
            of_tenant: dict[str, list[KeyRecord]] = {}
            for key in stored.keys:
                of_tenant.setdefault(key.tenant, []).append(key)
            self._of_tenant = of_tenant  # at once: threads read weights
            self._version = stored.version
            log.info("api_keys.loaded", live=sum(key.is_live(stored.now_ms) for key in stored.keys))
        self.required = self.required or stored.version is not None
        self._clock_ms = stored.now_ms - started * 1000
        self._read_at = started

    async def _flush_use(self) -> None:
        now = time.monotonic()
        due = [key_id for key_id in self._in_use if now - self._recorded_at.get(key_id, -inf) >= USE_S]
        if due:
            await self._store.record_use(due)
            self._recorded_at.update(dict.fromkeys(due, now))
            self._in_use.difference_update(due)
