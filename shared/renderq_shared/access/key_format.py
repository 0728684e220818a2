"""Format of an API key: a public id, then a secret with a checksum.

    rq_4tqv0w1x2y_8m3n…
    ╰──── id ────╯ ╰─ 160 random bits, then 30 bits of CRC-32 over everything before

The id appears in lists and logs. The secret is stored nowhere: Redis holds the SHA-256 of the whole key. A slow hash
would add no security to 160 random bits, but latency to every request. The checksum distinguishes a mistyped or
truncated key from an unknown one, and lets secret scanners recognize a leaked key.
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
    """An API key with its secret."""

    id: str
    text: str = field(repr=False)
    """The whole key including the secret. Shown to its owner only."""

    @property
    def digest(self) -> str:
        """SHA-256 of the key in hexadecimal, which is what the store holds."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def matches(self, digest: str) -> bool:
        """Return whether the key has this digest. Constant-time comparison."""
        return hmac.compare_digest(self.digest, digest)


def new_key() -> ApiKey:
    """Create a random key."""
    key_id = f"rq_{_random(_ID_CHARACTERS)}"
    body = f"{key_id}_{_random(_SECRET_CHARACTERS)}"
    return ApiKey(key_id, body + _check(body))


def parse_key(text: str) -> ApiKey | None:
    """Parse a key; `None` if the format or the checksum is wrong."""
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
