"""`Idempotency-Key` header, and the request fingerprint that detects reuse of a key for another request."""

import hashlib
import re
from collections.abc import Sequence

from renderq.contract import LIMITS
from renderq_api.http.problems import invalid
from renderq_shared.jobs import Idempotency

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
"""An RFC 8941 string, as in the IETF draft of the header."""

_BARE = re.compile(r"[\x21\x23-\x7e]+")
"""An unquoted key, as most clients send it."""


def parse_idempotency_key(headers: Sequence[str], method: str, path: str, canonical_body: bytes) -> Idempotency | None:
    """Return the key and the request's fingerprint, or `None` without the header. Raises `ApiProblem`."""
    if not headers:
        return None
    if len(headers) > 1:
        raise invalid("The request has several Idempotency-Key headers; send one.")
    key = _key(headers[0].strip())
    fingerprint = hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical_body))).hexdigest()
    return Idempotency(key, fingerprint)


def _key(text: str) -> str:
    if match := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", match[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        key = ""
    if not 1 <= len(key) <= LIMITS.idempotency_key_characters:
        raise invalid(
            f"The Idempotency-Key header is not valid. Send 1 to {LIMITS.idempotency_key_characters} "
            "visible ASCII characters, unquoted or in double quotes, such as a UUID."
        )
    return key
