"""Job ids: `job_` and a ULID, so that ids sort by time of acceptance and nobody can guess one."""

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u."""

_CHARACTERS = 26
_RANDOM_BITS = 80

_JOB_ID = re.compile(rf"job_[0-7][{_ALPHABET}]{{{_CHARACTERS - 1}}}")


def new_job_id() -> str:
    """48 bits of milliseconds since the epoch and 80 random ones, as in https://github.com/ulid/spec."""
    number = time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    shifts = range(5 * (_CHARACTERS - 1), -1, -5)
    return "job_" + "".join(_ALPHABET[number >> shift & 31] for shift in shifts)


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None
