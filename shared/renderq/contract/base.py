"""The one configuration that all wire models share."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer


class RequestModel(BaseModel, frozen=True):
    """Frozen, and strict about types and unknown fields: nothing is guessed, nothing is accepted and ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ResponseModel(BaseModel):
    """Frozen, and lenient about unknown fields: an older client reads a newer server's answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""An instant; on the wire RFC 3339 in UTC with milliseconds, e.g. `2026-01-31T12:00:00.000Z`."""
