"""Query parameters of the job list → filter, limit, cursor position."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from renderq.contract import LIMITS, TASKS, Status
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.query import check_query
from renderq_api.http.validation import format_value
from renderq_shared.history import HistoryFilter, Search, parse_search
from renderq_shared.ids import is_batch_id, is_job_id
from renderq_shared.jobs import JobFilter, JobPosition

LIST_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "status": ({"type": "string", "enum": list(Status)}, "Only jobs with this status."),
    "model": ({"type": "string"}, "Only jobs of this model."),
    "task": ({"type": "string", "enum": list(TASKS)}, "Only jobs of this task."),
    "batch": ({"type": "string"}, "Only jobs of this batch, in its order."),
    "error_code": ({"type": "string"}, "Only jobs that failed with this code."),
    "seed": ({"type": "integer", "minimum": 0}, "Only jobs with this seed, that of their first image."),
    "kept": ({"type": "boolean"}, "Only jobs that are kept, or only those that are not."),
    "label": (
        {"type": "string"},
        f"Only jobs with this label. May be repeated up to {LIMITS.labels} times: all must be there.",
    ),
    "metadata.NAME": (
        {"type": "string"},
        f"Only jobs whose metadata has this value under NAME. Up to {LIMITS.metadata_keys} names.",
    ),
    "q": (
        {"type": "string"},
        "Only jobs whose prompt or negative prompt has all these words, in any order; adjacent ones in double quotes. "
        "Case and accents do not matter.",
    ),
    "created_after": ({"type": "string", "format": "date-time"}, "Only jobs created after this time (RFC 3339)."),
    "created_before": ({"type": "string", "format": "date-time"}, "Only jobs created before this time (RFC 3339)."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LIMITS.page_jobs, "default": LIMITS.page_jobs_default},
        "Maximum number of jobs per page.",
    ),
    "cursor": ({"type": "string"}, "The `next_cursor` of the previous page; requires the same filters."),
}
"""Parameter name → JSON schema and description."""

BATCH_LIST_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LIMITS.page_batches, "default": LIMITS.page_batches},
        "Maximum number of batches per page.",
    ),
    "cursor": ({"type": "string"}, "The `next_cursor` of the previous page."),
}
"""As `LIST_PARAMETERS`, of the list of batches."""

_Text = TypeVar("_Text", str, str | None)

_METADATA = "metadata."

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_CURSOR = re.compile(r"(\d{1,15}) (\S+) ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Query for one page of the job list."""

    filter: HistoryFilter
    limit: int
    after: JobPosition | None


def parse_list_query(query: Sequence[tuple[str, str]]) -> ListQuery:
    """Raise `ApiProblem` for unknown, repeated or invalid parameters."""
    check_query(query, LIST_PARAMETERS, prefixes=(_METADATA,), repeatable=("label",))
    parameters = dict(query)
    filters = HistoryFilter(
        status=_choice("status", parameters, Status),
        model=_text("model", parameters.get("model")),
        task=_choice("task", parameters, str, TASKS),
        created_after_ms=_timestamp_ms("created_after", parameters),
        created_before_ms=_timestamp_ms("created_before", parameters, rounded_up=True),
        batch_id=_batch_id(parameters.get("batch")),
        error_code=_text("error_code", parameters.get("error_code")),
        seed=_seed(parameters.get("seed")),
        kept=_boolean("kept", parameters),
        labels=tuple(sorted({_text("label", value) for name, value in query if name == "label"})),
        metadata=tuple(
            sorted(
                (name.removeprefix(_METADATA), value)
                for name, value in parameters.items()
                if name.startswith(_METADATA)
            )
        ),
        search=_search(parameters.get("q")),
    )
    _check_counts(filters)
    after = _position(parameters["cursor"], filters) if "cursor" in parameters else None
    limit = _limit(parameters.get("limit", str(LIMITS.page_jobs_default)), LIMITS.page_jobs)
    return ListQuery(filters, limit, after)


def _check_counts(filters: HistoryFilter) -> None:
    """Refuse filters that no job can match: each costs a search of its own."""
    if len(filters.labels) > LIMITS.labels:
        raise invalid(f"A job has at most {LIMITS.labels} labels; send at most {LIMITS.labels} query parameters label.")
    if len(filters.metadata) > LIMITS.metadata_keys:
        most = LIMITS.metadata_keys
        raise invalid(f"A job has at most {most} metadata; send at most {most} query parameters metadata.NAME.")


def parse_batch_list_query(query: Sequence[tuple[str, str]]) -> tuple[int, str | None]:
    """Return the limit, and the id before which the page begins. Raises `ApiProblem`."""
    check_query(query, BATCH_LIST_PARAMETERS)
    parameters = dict(query)
    before = parameters.get("cursor")
    if before is not None and not is_batch_id(before):
        raise _invalid_cursor()
    return _limit(parameters.get("limit", str(LIMITS.page_batches)), LIMITS.page_batches), before


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
        raise _invalid_cursor()
    position = JobPosition(int(match[1]), match[2])
    if encode_cursor(position, filters) != text:
        raise invalid("The cursor belongs to other filters. Send the same filters, or start again without a cursor.")
    return position


def _checksum(text: str, filters: JobFilter) -> str:
    return hashlib.sha256(f"{text} {filters!r}".encode()).hexdigest()[:16]


def _text(name: str, text: _Text) -> _Text:
    """Refuse an empty text, which no job has; a metadata value may be empty."""
    if text == "":
        raise _invalid(name, "must not be empty: name one, or omit the parameter for jobs with any", text)
    return text


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= 2**63:
        raise _invalid("seed", "must be an integer from 0 to 2^63 - 1", text)
    return int(text)


def _batch_id(text: str | None) -> str | None:
    if text is not None and not is_batch_id(text):
        raise _invalid("batch", "must be the id of a batch", text)
    return text


def _boolean(name: str, parameters: dict[str, str]) -> bool | None:
    text = parameters.get(name)
    if text not in {None, "true", "false"}:
        raise _invalid(name, "must be true or false", text or "")
    return None if text is None else text == "true"


def _search(text: str | None) -> Search | None:
    try:
        return None if text is None else parse_search(text)
    except ValueError as error:
        raise _invalid("q", str(error), text or "") from None


def _choice(name: str, parameters: dict[str, str], kind: Any, choices: Any = None) -> Any:
    text = parameters.get(name)
    known = [str(choice) for choice in choices or kind]
    if text is None:
        return None
    if text not in known:
        raise _invalid(name, f"must be one of {', '.join(known)}", text)
    return kind(text)


def _limit(text: str, largest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= largest:
        raise _invalid("limit", f"must be an integer from 1 to {largest}", text)
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


def _invalid_cursor() -> ApiProblem:
    return invalid("The cursor is not valid. Send next_cursor unchanged, or start again without a cursor.")


def _invalid(name: str, expected: str, text: str) -> ApiProblem:
    return invalid(f"The query parameter {name} {expected}, not {format_value(text)}.")
