"""Fair queue of one model in the in-memory store. Counterpart of `fair_queue.lua` and `job_queue.lua`.

Start-time fair queueing (https://doi.org/10.1145/248156.248171): each tenant has a virtual time that grows by the cost
of its claimed jobs divided by its weight, and the tenant with the lowest virtual time is next. A tenant with queued
jobs is never behind the model's current virtual time, so an idle tenant accumulates no credit.
"""

from bisect import insort
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field, replace
from math import ceil, floor

MAX_TENANTS_COUNTED = 100
"""`jobs_ahead` considers at most this many other tenants, the next ones in turn."""

MAX_TENANTS_CLAIMED = 32
"""Tenants whose first jobs a claim considers if the first ones have none for it. The same as in `lua/claim.lua`."""

_TIE, _TIE_STEP = 2**-40, 2**-50
"""The same as in `job_queue.lua`, which explains them."""


@dataclass(frozen=True, slots=True, order=True)
class QueueEntry:
    """A queued job. Sorts by priority, highest first, then by acceptance, unless it was moved."""

    rank: int
    sequence: int
    job_id: str = field(compare=False)
    created_ms: int = field(compare=False)

    @classmethod
    def of(cls, priority: int, sequence: int, job_id: str, created_ms: int) -> "QueueEntry":
        return cls(10 - priority, sequence, job_id, created_ms)


class FairQueue:
    """Queued jobs per tenant, and the virtual time of each tenant."""

    def __init__(self, weights: Mapping[str, float], paused: Set[str] = frozenset()) -> None:
        """`weights`: tenant → relative share of device time, 1 if absent. `paused`: tenants without turns."""
        self._weights = weights
        self._paused = paused
        self.now = 0.0
        """The model's current virtual time: that of the tenant of the last claim."""
        self._virtual: dict[str, float] = {}
        self._entries: dict[str, list[QueueEntry]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    @property
    def claimable(self) -> int:
        """Number of queued jobs of tenants that are not paused."""
        return sum(len(entries) for tenant, entries in self._entries.items() if tenant not in self._paused)

    @property
    def oldest_ms(self) -> int | None:
        """Creation time of the oldest queued job."""
        return min((entry.created_ms for entries in self._entries.values() for entry in entries), default=None)

    def queued(self, tenant: str) -> int:
        return len(self._entries.get(tenant, ()))

    def jobs(self, tenant: str) -> list[str]:
        """Return the tenant's queued jobs in order."""
        return [entry.job_id for entry in self._entries.get(tenant, ())]

    def virtual_time(self, tenant: str) -> float:
        return self._virtual.get(tenant, 0.0)

    def heads(self, excluded: Collection[str] = ()) -> list[str]:
        """Return the first job of each of the next `MAX_TENANTS_CLAIMED` tenants that is not excluded, in turn."""
        firsts = (self._first(tenant, excluded) for tenant in self._tenants_in_turn()[:MAX_TENANTS_CLAIMED])
        return [job_id for job_id in firsts if job_id is not None]

    def is_next(self, tenant: str) -> bool:
        """Return whether it is this tenant's turn."""
        return self._tenants_in_turn()[:1] == [tenant]

    def _first(self, tenant: str, excluded: Collection[str]) -> str | None:
        return next((entry.job_id for entry in self._entries[tenant] if entry.job_id not in excluded), None)

    def enqueue(self, tenant: str, entry: QueueEntry) -> None:
        if tenant not in self._entries:
            self._entries[tenant] = []
            if tenant not in self._paused:
                self.activate_tenant(tenant)
        insort(self._entries[tenant], entry)

    def activate_tenant(self, tenant: str) -> None:
        """Add a tenant with queued jobs to the turns, at the current virtual time if it is behind that.

        It goes after the tenants that already wait at the same virtual time.
        """
        if tenant in self._entries:
            start = max(self.virtual_time(tenant), self.now)
            others = (self.virtual_time(other) for other in self._tenants_in_turn() if other != tenant)
            ties = [time for time in others if start <= time <= start + _TIE * max(1.0, start)]
            self._virtual[tenant] = max(ties) + _TIE_STEP * max(1.0, start) if ties else start

    def forget_tenant(self, tenant: str) -> None:
        """Delete the virtual time of a tenant without queued jobs."""
        self._virtual.pop(tenant, None)

    def dequeue(self, tenant: str, job_id: str) -> None:
        remaining = [entry for entry in self._entries[tenant] if entry.job_id != job_id]
        if remaining:
            self._entries[tenant] = remaining
        else:
            del self._entries[tenant]

    def move(self, tenant: str, job_id: str, index: int) -> list[QueueEntry]:
        """Move a job to an index among those of its tenant, and return all of them with the places that they get."""
        entries = self._entries[tenant]
        ids = self.jobs(tenant)
        ids.insert(index, ids.pop(ids.index(job_id)))
        by_id = {entry.job_id: entry for entry in entries}
        self._entries[tenant] = [
            replace(by_id[each], rank=place.rank, sequence=place.sequence)
            for each, place in zip(ids, entries, strict=True)
        ]
        return self._entries[tenant]

    def take(self, tenant: str, job_id: str, cost: float, *, in_turn: bool = True) -> float:
        """Remove a job to be claimed and charge its cost. Returns the charge."""
        if in_turn:
            self.now = self.virtual_time(tenant)
        self.dequeue(tenant, job_id)
        return self.adjust_charge(tenant, cost, before=0.0)

    def adjust_charge(self, tenant: str, cost: float, before: float) -> float:
        """Replace the charge `before` by that of `cost`, and return it.

        A refund does not move a tenant behind the current virtual time.
        """
        charge, old = cost / self._weight(tenant), self.virtual_time(tenant)
        new = old + charge - before
        self._virtual[tenant] = max(new, min(old, self.now)) if new < old else new
        return charge

    def jobs_ahead(self, tenant: str, job_id: str) -> int:
        """Return the number of jobs expected to start before this one if all jobs cost the same."""
        own = self.jobs(tenant).index(job_id)
        ahead, first = own, True
        for other in self._tenants_in_turn()[:MAX_TENANTS_COUNTED]:
            if other == tenant:
                first = False
            else:
                turns = own * self._weight(other) / self._weight(tenant)
                ahead += min(self.queued(other), floor(turns) + 1 if first else ceil(turns))
        return ahead

    def _weight(self, tenant: str) -> float:
        return self._weights.get(tenant, 1.0)

    def _tenants_in_turn(self) -> list[str]:
        return sorted(self._entries.keys() - self._paused, key=lambda tenant: (self.virtual_time(tenant), tenant))
