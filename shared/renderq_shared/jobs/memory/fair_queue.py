"""One model's queue, in memory: what the Lua prelude does with `rq:queue`, `rq:active`, `rq:virtual` and `rq:weights`.

Start-time fair queueing (https://doi.org/10.1145/248156.248171): each tenant has a virtual time that grows by the
cost of what it is given, divided by its weight; the tenant with the lowest is next. A tenant with queued jobs is never
behind the model's current virtual time, so nobody saves up service by staying away.
"""

from bisect import insort
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from math import ceil, floor

TENANTS_COUNTED = 100
"""`ahead` looks at so many other tenants, the next ones to be served."""


@dataclass(frozen=True, slots=True, order=True)
class QueueEntry:
    """A job's place among its tenant's: higher priority first, then earlier acceptance."""

    rank: int
    sequence: int
    job_id: str = field(compare=False)
    created_ms: int = field(compare=False)

    @classmethod
    def of(cls, priority: int, sequence: int, job_id: str, created_ms: int) -> "QueueEntry":
        return cls(10 - priority, sequence, job_id, created_ms)


class FairQueue:
    """Queued jobs of several tenants, and what each tenant was charged."""

    def __init__(self, weights: Mapping[str, float], paused: Set[str] = frozenset()) -> None:
        """`weights`: tenant → its share of the time, compared with other tenants'; 1 if absent.

        `paused`: tenants that have no turn.
        """
        self._weights = weights
        self._paused = paused
        self.now = 0.0
        """The model's current virtual time: that of the tenant that was last given something."""
        self._virtual: dict[str, float] = {}
        self._places: dict[str, list[QueueEntry]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    @property
    def claimable(self) -> int:
        """Jobs that may be given out."""
        return sum(len(places) for tenant, places in self._places.items() if tenant not in self._paused)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest queued job was created."""
        return min((place.created_ms for places in self._places.values() for place in places), default=None)

    def oldest(self, count: int) -> list[str]:
        """The jobs that were created first, at most `count`."""
        places = (place for places in self._places.values() for place in places)
        return [place.job_id for place in sorted(places, key=lambda place: (place.created_ms, place.job_id))[:count]]

    def queued(self, tenant: str) -> int:
        return len(self._places.get(tenant, ()))

    def virtual_time(self, tenant: str) -> float:
        return self._virtual.get(tenant, 0.0)

    def head(self) -> str | None:
        """The job that is next; it stays in the queue."""
        return self._places[tenants[0]][0].job_id if (tenants := self._in_turn()) else None

    def enqueue(self, tenant: str, place: QueueEntry) -> None:
        if tenant not in self._places:
            self._places[tenant] = []
            if tenant not in self._paused:
                self.activate_tenant(tenant)
        insort(self._places[tenant], place)

    def activate_tenant(self, tenant: str) -> None:
        """Let a tenant join the others, if it has anything queued: at the current time if it is behind that."""
        if tenant in self._places:
            self._virtual[tenant] = max(self.virtual_time(tenant), self.now)

    def dequeue(self, tenant: str, job_id: str) -> None:
        left = [place for place in self._places[tenant] if place.job_id != job_id]
        if left:
            self._places[tenant] = left
        else:
            del self._places[tenant]

    def take(self, tenant: str, job_id: str, cost: float) -> float:
        """Give a tenant its next job and charge it: so much."""
        self.now = self.virtual_time(tenant)
        self.dequeue(tenant, job_id)
        return self.adjust_charge(tenant, cost, before=0.0)

    def adjust_charge(self, tenant: str, cost: float, before: float) -> float:
        """Charge a job that costs so much in place of what was charged before, and return the charge.

        What is given back cannot put a tenant behind the current time.
        """
        charge, old = cost / self._weight(tenant), self.virtual_time(tenant)
        new = old + charge - before
        self._virtual[tenant] = max(new, min(old, self.now)) if new < old else new
        return charge

    def jobs_ahead(self, tenant: str, job_id: str) -> int:
        """Jobs that are expected to start before this one, if all cost the same and tenants are served by weight."""
        own = [place.job_id for place in self._places[tenant]].index(job_id)
        ahead, first = own, True
        for other in self._in_turn()[:TENANTS_COUNTED]:
            if other == tenant:
                first = False
            else:
                turns = own * self._weight(other) / self._weight(tenant)
                ahead += min(self.queued(other), floor(turns) + 1 if first else ceil(turns))
        return ahead

    def _weight(self, tenant: str) -> float:
        return self._weights.get(tenant, 1.0)

    def _in_turn(self) -> list[str]:
        return sorted(self._places.keys() - self._paused, key=lambda tenant: (self.virtual_time(tenant), tenant))
