"""What an API key looks like: `rq_` and a public part that names it, then a secret part with a check.

    rq_4tqv0w1x2y_8m3n…
    ╰── its id ──╯ ╰─ 160 random bits, then 30 bits of CRC-32 over all before

The id stands in lists and logs, the secret nowhere: Redis holds the SHA-256 of the whole text. A slow hash would gain
nothing, since nobody can guess 160 random bits, and would cost every request its time. The check tells a key that was
mistyped or cut off from one that is not known, and lets scanners recognize a leaked one.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field

from renderq_shared.base32 import ALPHABET, base32

_ID_CHARACTERS = 10
_SECRET_CHARACTERS = 32
_CHECK_CHARACTERS = 6

_ID = rf"rq_[{ALPHABET}]{{{_ID_CHARACTERS}}}"
_KEY = re.compile(rf"({_ID})_[{ALPHABET}]{{{_SECRET_CHARACTERS + _CHECK_CHARACTERS}}}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner has it."""

    id: str
    text: str = field(repr=False)
    """The secret: it goes to its owner and nowhere else."""

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal: what is stored."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def matches(self, digest: str) -> bool:
        """Whether this is the key of that digest, in a time that says nothing about it."""
        return hmac.compare_digest(self.digest, digest)


def new_key() -> ApiKey:
    """A key that nobody can guess."""
    key_id = f"rq_{_random(_ID_CHARACTERS)}"
    body = f"{key_id}_{_random(_SECRET_CHARACTERS)}"
    return ApiKey(key_id, body + _check(body))


def parse_key(text: str) -> ApiKey | None:
    """A key as it was sent; `None` for what cannot be one."""
    match = _KEY.fullmatch(text)
    if match is None or _check(text[:-_CHECK_CHARACTERS]) != text[-_CHECK_CHARACTERS:]:
        return None
    return ApiKey(match[1], text)


def is_key_id(text: str) -> bool:
    return re.fullmatch(_ID, text) is not None


def _random(characters: int) -> str:
    return base32(secrets.randbits(5 * characters), characters)


def _check(body: str) -> str:
    return base32(zlib.crc32(body.encode()), _CHECK_CHARACTERS)
