"""Delivery queues of the in-memory store. Counterpart of the queues and turns in `lua/include/outbox.lua`.

Hosts take turns within their tenant, tenants take turns with each other, and each has a limit of deliveries in
flight. So a receiver that does not respond delays no other host's deliveries.
"""

from collections import defaultdict
from collections.abc import Mapping

PER_HOST, PER_TENANT = 8, 32
"""Maximum deliveries in flight. The same as in `lua/include/outbox.lua`."""


class DeliveryQueues:
    """One queue of waiting deliveries per tenant and host, and the deliveries in flight."""

    def __init__(self) -> None:
        self._queues: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._hosts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._tenants: dict[str, int] = {}
        """Tenant or host → time of its turn; the earliest goes first."""
        self._in_flight: dict[str, tuple[str, str]] = {}

    def schedule(self, key: str, tenant: str, host: str, due_ms: int, now_ms: int) -> None:
        self._remove(key, tenant, host)
        self._queues[tenant, host][key] = due_ms
        self._reschedule(tenant, host, now_ms)

    def remove(self, key: str, tenant: str, host: str, now_ms: int) -> None:
        """Remove a delivery, whether it waits or is in flight."""
        self._remove(key, tenant, host)
        self._reschedule(tenant, host, now_ms)

    def lease_next(self, now_ms: int) -> str | None:
        """Lease the longest overdue delivery of the next tenant's next host; `None` if none is due."""
        tenant, turn = _first(self._tenants)
        if turn is None or turn > now_ms:
            return None
        host, _ = _first(self._hosts[tenant])
        key, _ = _first(self._queues[tenant, host])
        self._remove(key, tenant, host)
        self._in_flight[key] = (tenant, host)
        self._reschedule(tenant, host, now_ms, served=True)
        return key

    def _remove(self, key: str, tenant: str, host: str) -> None:
        self._queues[tenant, host].pop(key, None)
        self._in_flight.pop(key, None)

    def _reschedule(self, tenant: str, host: str, now_ms: int, served: bool = False) -> None:
        in_flight = [queue for queue in self._in_flight.values() if queue[0] == tenant]
        is_full = in_flight.count((tenant, host)) >= PER_HOST
        _schedule_turn(self._hosts[tenant], host, self._queues[tenant, host], is_full, now_ms, served)
        _schedule_turn(self._tenants, tenant, self._hosts[tenant], len(in_flight) >= PER_TENANT, now_ms, served)


def _schedule_turn(
    turns: dict[str, int], member: str, waiting: Mapping[str, int], is_full: bool, now_ms: int, served: bool
) -> None:
    """Schedule a member's turn: when its first entry is due, but after all that have waited longer since their turn."""
    before = turns.pop(member, now_ms)
    _, due_ms = _first(waiting)
    if due_ms is not None and not is_full:
        turns[member] = max(due_ms, now_ms if served else min(before, now_ms))


def _first(times: Mapping[str, int]) -> tuple[str, int | None]:
    return min(times.items(), key=lambda item: (item[1], item[0]), default=("", None))
