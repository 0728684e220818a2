"""Base classes of the wire models."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer


class RequestModel(BaseModel, frozen=True):
    """Frozen and strict: no type coercion, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ResponseModel(BaseModel):
    """Frozen; ignores unknown fields, so an older client reads the responses of a newer service."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _rfc3339(timestamp: datetime) -> str:
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""An instant; on the wire RFC 3339 in UTC with milliseconds, e.g. `2026-01-31T12:00:00.000Z`."""
