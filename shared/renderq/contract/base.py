"""Base classes of the wire models."""

from collections.abc import Sized
from datetime import UTC, datetime
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticKnownError


class RequestModel(BaseModel, frozen=True):
    """Frozen and strict: no type coercion, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ResponseModel(BaseModel):
    """Frozen; ignores unknown fields, so an older client reads the responses of a newer service."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def at_most(count: int, kinds: tuple[type, ...] = (list, tuple)) -> BeforeValidator:
    """Return a validator of a list, or of what `kinds` says, that checks its length before any entry is validated.

    `max_length` alone counts valid entries: pydantic validates all entries of a list that are wrong. Whatever is of
    another type is left to pydantic.
    """

    def check(value: object) -> object:
        if isinstance(value, kinds) and (length := len(cast(Sized, value))) > count:
            context = {"field_type": "Value", "max_length": count, "actual_length": length}
            raise PydanticKnownError("too_long", context)
        return value

    return BeforeValidator(check)


def _rfc3339(timestamp: datetime) -> str:
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""An instant; on the wire RFC 3339 in UTC with milliseconds, e.g. `2026-01-31T12:00:00.000Z`."""
