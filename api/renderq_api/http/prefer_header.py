"""`Prefer: wait=N` (RFC 7240)."""

import re
from collections.abc import Iterable

from renderq.contract import LIMITS
from renderq_api.http.problems import invalid

_HEADER_CHARACTERS = 1_000
_PREFERENCE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


def wait_seconds(headers: Iterable[str]) -> int | None:
    """How long the client wants to wait, at most 60 s; `None` if it does not say. Raises `ApiProblem`.

    As the RFC demands, other preferences are passed over, and the first of several waits counts. A longer wait is cut:
    a preference is no demand, and `Preference-Applied` tells what was granted.
    """
    header = ",".join(headers)
    if len(header) > _HEADER_CHARACTERS:
        raise invalid(f"The Prefer header has more than {_HEADER_CHARACTERS:,} characters.")
    for preference in _PREFERENCE.findall(header):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return _seconds(value.strip().strip('"'))
    return None


def _seconds(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise invalid("The Prefer header is not valid: wait takes a whole number of seconds, e.g. Prefer: wait=30.")
    return min(int(value), LIMITS.wait_seconds)
