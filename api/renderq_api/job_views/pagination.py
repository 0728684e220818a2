"""Query parameters of the job list → filter, limit, cursor position."""

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
    "status": ({"type": "string", "enum": list(Status)}, "Only jobs with this status."),
    "model": ({"type": "string"}, "Only jobs of this model."),
    "task": ({"type": "string", "enum": list(TASKS)}, "Only jobs of this task."),
    "created_after": ({"type": "string", "format": "date-time"}, "Only jobs created after this time (RFC 3339)."),
    "created_before": ({"type": "string", "format": "date-time"}, "Only jobs created before this time (RFC 3339)."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LIMITS.page_jobs, "default": LIMITS.page_jobs_default},
        "Maximum number of jobs per page.",
    ),
    "cursor": ({"type": "string"}, "The `next_cursor` of the previous page; requires the same filters."),
}
"""Parameter name → JSON schema and description."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_CURSOR = re.compile(r"(\d{1,15}) (\S+) ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Query for one page of the job list."""

    filter: JobFilter
    limit: int
    after: JobPosition | None


def parse_list_query(query: Sequence[tuple[str, str]]) -> ListQuery:
    """Raise `ApiProblem` for unknown, repeated or invalid parameters."""
    parameters = dict(query)
    for name in parameters:
        if name not in LIST_PARAMETERS:
            known = ", ".join(LIST_PARAMETERS)
            raise invalid(f"Unknown query parameter {format_value(name)}. Known parameters: {known}.")
    if len(parameters) < len(query):
        raise invalid("A query parameter is repeated; send each at most once.")
    filters = JobFilter(
        status=_choice("status", parameters, Status),
        model=parameters.get("model"),
        task=_choice("task", parameters, str, TASKS),
        created_after_ms=_timestamp_ms("created_after", parameters),
        created_before_ms=_timestamp_ms("created_before", parameters, rounded_up=True),
    )
    after = _position(parameters["cursor"], filters) if "cursor" in parameters else None
    return ListQuery(filters, _limit(parameters.get("limit", str(LIMITS.page_jobs_default))), after)


def encode_cursor(position: JobPosition, filters: JobFilter) -> str:
    """Return an opaque cursor. A position in the tenant's own list is no secret; the checksum only detects mistakes:
    a truncated cursor, or one of a list with other filters."""
    text = f"{position.created_ms} {position.job_id}"
    return base64.urlsafe_b64encode(f"{text} {_checksum(text, filters)}".encode()).decode().rstrip("=")


def _position(text: str, filters: JobFilter) -> JobPosition:
    try:
        plain = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    match = _CURSOR.fullmatch(plain)
    if not match or not is_job_id(match[2]):
        raise invalid("The cursor is not valid. Send next_cursor unchanged, or start again without a cursor.")
    position = JobPosition(int(match[1]), match[2])
    if encode_cursor(position, filters) != text:
        raise invalid("The cursor belongs to other filters. Send the same filters, or start again without a cursor.")
    return position


def _checksum(text: str, filters: JobFilter) -> str:
    return hashlib.sha256(f"{text} {filters!r}".encode()).hexdigest()[:16]


def _choice(name: str, parameters: dict[str, str], kind: Any, choices: Any = None) -> Any:
    text = parameters.get(name)
    known = [str(choice) for choice in choices or kind]
    if text is None:
        return None
    if text not in known:
        raise _invalid(name, f"must be one of {', '.join(known)}", text)
    return kind(text)


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= LIMITS.page_jobs:
        raise _invalid("limit", f"must be an integer from 1 to {LIMITS.page_jobs}", text)
    return int(text)


def _timestamp_ms(name: str, parameters: dict[str, str], *, rounded_up: bool = False) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except ValueError:
        hint = "must be a time such as 2026-01-31T12:00:00Z (in a URL, write + as %2B)"
        raise _invalid(name, hint, text) from None
    return -(-since // _MILLISECOND) if rounded_up else since // _MILLISECOND


def _invalid(name: str, expected: str, text: str) -> ApiProblem:
    return invalid(f"The query parameter {name} {expected}, not {format_value(text)}.")
