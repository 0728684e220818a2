"""Decoding of several records, of which some may be damaged or written by a newer version."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import structlog

from renderq_shared.errors import RecordUnreadable
from renderq_shared.redis.scripts import flat_to_dict

log = structlog.get_logger(__name__)

Record = TypeVar("Record")


def decode_each(replies: Sequence[Sequence[str]], decode: Callable[[Sequence[str]], Record]) -> tuple[Record, ...]:
    """Decode records from flat pairs. Leaves out, and logs once, those that cannot be read."""
    records: list[Record] = []
    for flat in replies:
        try:
            records.append(decode(flat))
        except (RecordUnreadable, KeyError, ValueError) as error:
            log_unreadable(flat_to_dict(flat).get("id"), repr(error))
    return tuple(records)


@lru_cache(1_000)
def log_unreadable(id: str | None, reason: str) -> None:
    """Log a record that cannot be read, once per process."""
    log.warning("record.unreadable", record_id=id, reason=reason)
