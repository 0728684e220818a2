"""Ids of jobs and batches: a prefix and a ULID. They sort by creation time and cannot be guessed."""

import re
import secrets
import time

from renderq_shared.base32 import ALPHABET, base32

_CHARACTERS = 26
_RANDOM_BITS = 80

_ID = re.compile(rf"(job|batch)_[0-7][{ALPHABET}]{{{_CHARACTERS - 1}}}")


def new_job_id() -> str:
    return f"job_{_ulid()}"


def new_batch_id() -> str:
    return f"batch_{_ulid()}"


def is_job_id(text: str) -> bool:
    return text.startswith("job_") and _ID.fullmatch(text) is not None


def is_batch_id(text: str) -> bool:
    return text.startswith("batch_") and _ID.fullmatch(text) is not None


def _ulid() -> str:
    """Return 48 bits of Unix milliseconds and 80 random bits (https://github.com/ulid/spec)."""
    return base32(time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS), _CHARACTERS)
