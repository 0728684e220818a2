"""`Range` (RFC 9110, section 14): one range of bytes."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes\s*=\s*(?P<first>[0-9]{0,18})\s*-\s*(?P<last>[0-9]{0,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From `start` up to and without `end`."""

    start: int
    end: int


class RangeNotSatisfiable(ValueError):
    """The range names no byte of the file."""


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """What is asked for of a file of `size` bytes; `None` means the whole file.

    As the RFC allows, several ranges and what cannot be read as a range get the whole file. Raises
    `RangeNotSatisfiable`.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        wanted = ByteRange(max(0, size - int(match["last"])), size)
    else:
        first, last = int(match["first"]), int(match["last"] or size)
        if match["last"] and last < first:
            return None
        wanted = ByteRange(first, min(last + 1, size))
    if wanted.start >= wanted.end:
        raise RangeNotSatisfiable
    return wanted
