"""Output of `renderq keys`: keys without their secrets."""

from collections.abc import Sequence
from datetime import UTC, datetime

from renderq.cli.formatting import table
from renderq_shared.access.records import KeyRecord

Facts = dict[str, str | float | None]

_COLUMNS = {
    "id": "ID",
    "name": "NAME",
    "tenant": "TENANT",
    "role": "ROLE",
    "weight": "WEIGHT",
    "requests_per_minute": "PER MINUTE",
    "max_queued_jobs": "MAX QUEUED",
    "created_at": "CREATED",
    "expires_at": "EXPIRES",
    "last_used_at": "LAST USED",
    "state": "STATE",
}


def key_facts(key: KeyRecord, now_ms: int) -> Facts:
    """Return a key as JSON fields, with times as in the API."""
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "role": key.role.value,
        "weight": key.weight,
        "requests_per_minute": key.requests_per_minute,
        "max_queued_jobs": key.max_queued_jobs,
        "created_at": _timestamp(key.created_ms),
        "expires_at": _timestamp(key.expires_ms),
        "revoked_at": _timestamp(key.revoked_ms),
        "last_used_at": _timestamp(key.used_ms),
        "state": _state(key, now_ms),
    }


def key_table(keys: Sequence[Facts]) -> str:
    return table(tuple(_COLUMNS.values()), [[_cell(key[column]) for column in _COLUMNS] for key in keys])


def _state(key: KeyRecord, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    return "live" if key.is_live(now_ms) else "expired"


def _timestamp(ms: int | None) -> str | None:
    """Format a time as RFC 3339 in whole seconds."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
