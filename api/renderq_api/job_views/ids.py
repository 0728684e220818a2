"""Job ids: `job_` and a ULID. They sort by creation time and cannot be guessed."""

import re
import secrets
import time

from renderq_shared.base32 import ALPHABET, base32

_CHARACTERS = 26
_RANDOM_BITS = 80

_JOB_ID = re.compile(rf"job_[0-7][{ALPHABET}]{{{_CHARACTERS - 1}}}")


def new_job_id() -> str:
    """Return an id of 48 bits of Unix milliseconds and 80 random bits (https://github.com/ulid/spec)."""
    number = time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "job_" + base32(number, _CHARACTERS)


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None
