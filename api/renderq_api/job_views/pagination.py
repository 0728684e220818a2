"""What a list of jobs is asked with: query parameters → a filter, a limit and a position."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from renderq.contract import LIMITS, TASKS, Status
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import format_value
from renderq_api.job_views.ids import is_job_id
from renderq_shared.jobs import JobFilter, JobPosition

LIST_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "status": ({"type": "string", "enum": list(Status)}, "Only jobs that stand so."),
    "model": ({"type": "string"}, "Only jobs of this model."),
    "task": ({"type": "string", "enum": list(TASKS)}, "Only jobs of this task."),
    "created_after": ({"type": "string", "format": "date-time"}, "Only jobs that are newer (RFC 3339)."),
    "created_before": ({"type": "string", "format": "date-time"}, "Only jobs that are older (RFC 3339)."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LIMITS.page_jobs, "default": LIMITS.page_jobs_default},
        "Jobs on a page, at most.",
    ),
    "cursor": ({"type": "string"}, "The `next_cursor` of the page before, with the same filters."),
}
"""Name → JSON schema and description."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_CURSOR = re.compile(r"(\d{1,15}) (\S+) ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page of the list."""

    filter: JobFilter
    limit: int
    after: JobPosition | None


def parse_list_query(query: Sequence[tuple[str, str]]) -> ListQuery:
    """Raises `ApiProblem`."""
    given = dict(query)
    for name in given:
        if name not in LIST_PARAMETERS:
            raise invalid(f"There is no query parameter {format_value(name)}. Known are {', '.join(LIST_PARAMETERS)}.")
    if len(given) < len(query):
        raise invalid("A query parameter is given twice; give each at most once.")
    found = JobFilter(
        status=_choice("status", given, Status),
        model=given.get("model"),
        task=_choice("task", given, str, TASKS),
        created_after_ms=_timestamp_ms("created_after", given),
        created_before_ms=_timestamp_ms("created_before", given, rounded_up=True),
    )
    after = _position(given["cursor"], found) if "cursor" in given else None
    return ListQuery(found, _limit(given.get("limit", str(LIMITS.page_jobs_default))), after)


def encode_cursor(position: JobPosition, found: JobFilter) -> str:
    """Opaque to clients. It names a place in the tenant's own list, so there is nothing to keep secret; the check
    only tells an honest mistake: a truncated cursor, or one of a list with other filters."""
    place = f"{position.created_ms} {position.job_id}"
    return base64.urlsafe_b64encode(f"{place} {_check(place, found)}".encode()).decode().rstrip("=")


def _position(text: str, found: JobFilter) -> JobPosition:
    try:
        plain = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    match = _CURSOR.fullmatch(plain)
    if not match or not is_job_id(match[2]):
        raise invalid("The cursor is damaged. Take next_cursor as it is, or begin again without a cursor.")
    position = JobPosition(int(match[1]), match[2])
    if encode_cursor(position, found) != text:
        raise invalid("The cursor belongs to a list with other filters. Repeat them, or begin without a cursor.")
    return position


def _check(place: str, found: JobFilter) -> str:
    return hashlib.sha256(f"{place} {found!r}".encode()).hexdigest()[:16]


def _choice(name: str, given: dict[str, str], kind: Any, choices: Any = None) -> Any:
    text = given.get(name)
    known = [str(choice) for choice in choices or kind]
    if text is None:
        return None
    if text not in known:
        raise _bad(name, f"must be one of {', '.join(known)}", text)
    return kind(text)


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= LIMITS.page_jobs:
        raise _bad("limit", f"must be a whole number from 1 to {LIMITS.page_jobs}", text)
    return int(text)


def _timestamp_ms(name: str, given: dict[str, str], *, rounded_up: bool = False) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except ValueError:
        hint = "must be a time such as 2026-01-31T12:00:00Z (in an address, + is written %2B)"
        raise _bad(name, hint, text) from None
    return -(-since // _MILLISECOND) if rounded_up else since // _MILLISECOND


def _bad(name: str, expected: str, text: str) -> ApiProblem:
    return invalid(f"The query parameter {name} {expected}, not {format_value(text)}.")
