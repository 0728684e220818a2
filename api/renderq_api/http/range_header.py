"""`Range` header (RFC 9110, section 14): one range of bytes."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes\s*+=\s*+(?P<first>[0-9]{0,18}+)\s*+-\s*+(?P<last>[0-9]{0,18}+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


class RangeNotSatisfiable(ValueError):
    """The range contains no byte of the file."""


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """Return the requested range of a file of `size` bytes; `None` for the whole file.

    As RFC 9110 allows, multiple or invalid ranges get the whole file. Raises `RangeNotSatisfiable`.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        requested = ByteRange(max(0, size - int(match["last"])), size)
    else:
        first, last = int(match["first"]), int(match["last"] or size)
        if match["last"] and last < first:
            return None
        requested = ByteRange(first, min(last + 1, size))
    if requested.start >= requested.end:
        raise RangeNotSatisfiable
    return requested
