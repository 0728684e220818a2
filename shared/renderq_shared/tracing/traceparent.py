"""The header `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header)."""

import re

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def parse_traceparent(header: str | None) -> str | None:
    """Return a valid header of version 00, or the part of a later version that 00 has; `None` for anything else."""
    if header is None:
        return None
    text = header.strip()
    own = _FORM.match(text)
    if own is None or not (own.end() == len(text) or (not text.startswith("00") and text[own.end()] == "-")):
        return None
    return f"00{own[0][2:]}"
