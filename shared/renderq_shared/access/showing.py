"""How keys look in `renderq keys`: everything but their secret."""

from collections.abc import Sequence
from datetime import UTC, datetime

from renderq.cli.text import table
from renderq_shared.access.records import KeyRecord

Facts = dict[str, str | float | None]

_COLUMNS = ("id", "name", "tenant", "role", "weight", "queued_max", "created_at", "expires_at", "last_used_at", "state")


def key_facts(key: KeyRecord, now_ms: int) -> Facts:
    """A key as JSON has it; times as in the API."""
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "role": key.role.value,
        "weight": key.weight,
        "queued_max": key.queued_max,
        "created_at": _moment(key.created_ms),
        "expires_at": _moment(key.expires_ms),
        "revoked_at": _moment(key.revoked_ms),
        "last_used_at": _moment(key.used_ms),
        "state": _state(key, now_ms),
    }


def key_table(keys: Sequence[Facts]) -> str:
    header = [column.removesuffix("_at").replace("_", " ").upper() for column in _COLUMNS]
    return table(header, [[_cell(key[column]) for column in _COLUMNS] for key in keys])


def _state(key: KeyRecord, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    return "live" if key.is_live(now_ms) else "expired"


def _moment(ms: int | None) -> str | None:
    """RFC 3339, to the second: more is of no use here."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
