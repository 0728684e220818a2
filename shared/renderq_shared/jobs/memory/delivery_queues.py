"""Whose delivery is sent next, in memory: what `lua/outbox.lua` does with `rq:delivery-queue` and the turns.

Hosts take turns within their tenant and tenants with each other, and of each only so many are being sent at once: a
receiver that does not answer holds up nobody else's.
"""

from collections import defaultdict
from collections.abc import Mapping

PER_HOST, PER_TENANT = 8, 32
"""Deliveries that senders hold at once."""


class DeliveryQueues:
    """Waiting deliveries in one lane per tenant and host, and how many of each are being sent."""

    def __init__(self) -> None:
        self._lanes: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._hosts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._tenants: dict[str, int] = {}
        """Turns: by when one may be served, the earliest first."""
        self._held: dict[str, tuple[str, str]] = {}

    def schedule(self, key: str, tenant: str, host: str, due_ms: int, now_ms: int) -> None:
        self._remove(key, tenant, host)
        self._lanes[tenant, host][key] = due_ms
        self._take_turns(tenant, host, now_ms)

    def remove(self, key: str, tenant: str, host: str, now_ms: int) -> None:
        """It waits no more, and nobody holds it."""
        self._remove(key, tenant, host)
        self._take_turns(tenant, host, now_ms)

    def lease_next(self, now_ms: int) -> str | None:
        """The longest overdue one of the host whose turn it is, of the tenant whose turn it is."""
        tenant, turn = _first(self._tenants)
        if turn is None or turn > now_ms:
            return None
        host, _ = _first(self._hosts[tenant])
        key, _ = _first(self._lanes[tenant, host])
        self._remove(key, tenant, host)
        self._held[key] = (tenant, host)
        self._take_turns(tenant, host, now_ms, served=True)
        return key

    def _remove(self, key: str, tenant: str, host: str) -> None:
        self._lanes[tenant, host].pop(key, None)
        self._held.pop(key, None)

    def _take_turns(self, tenant: str, host: str, now_ms: int, served: bool = False) -> None:
        held = [place for place in self._held.values() if place[0] == tenant]
        full = held.count((tenant, host)) >= PER_HOST
        _line_up(self._hosts[tenant], host, self._lanes[tenant, host], full, now_ms, served)
        _line_up(self._tenants, tenant, self._hosts[tenant], len(held) >= PER_TENANT, now_ms, served)


def _line_up(
    turns: dict[str, int], member: str, waiting: Mapping[str, int], full: bool, now_ms: int, served: bool
) -> None:
    """When its first one is due, but behind all that have waited for longer since they had their turn."""
    before = turns.pop(member, now_ms)
    _, due_ms = _first(waiting)
    if due_ms is not None and not full:
        turns[member] = max(due_ms, now_ms if served else min(before, now_ms))


def _first(times: Mapping[str, int]) -> tuple[str, int | None]:
    return min(times.items(), key=lambda item: (item[1], item[0]), default=("", None))
