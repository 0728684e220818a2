"""`Prefer: wait=N` header (RFC 7240)."""

import re
from collections.abc import Iterable

from renderq.contract import LIMITS
from renderq_api.http.problems import invalid

_HEADER_CHARACTERS = 1_000
_PREFERENCE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


def wait_seconds(headers: Iterable[str]) -> int | None:
    """Return the granted wait in seconds, at most `LIMITS.wait_seconds`; `None` without one. Raises `ApiProblem`.

    As RFC 7240 requires, other preferences are ignored and the first of several waits counts. A longer wait is
    shortened, and `Preference-Applied` reports the granted one.
    """
    header = ",".join(headers)
    if len(header) > _HEADER_CHARACTERS:
        raise invalid(f"The Prefer header is too long; the maximum is {_HEADER_CHARACTERS:,} characters.")
    for preference in _PREFERENCE.findall(header):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return _seconds(value.strip().strip('"'))
    return None


def _seconds(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise invalid(
            "The Prefer header is not valid. Send wait as an integer number of seconds, such as Prefer: wait=30."
        )
    return min(int(value), LIMITS.wait_seconds)
