"""`Idempotency-Key`: the key as sent, and the fingerprint that tells a repeat from another request."""

import hashlib
import re
from collections.abc import Sequence

from renderq.contract import LIMITS
from renderq_api.http.problems import invalid
from renderq_shared.jobs.records import Idempotency

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
"""A string of RFC 8941, as the IETF draft has the header."""

_BARE = re.compile(r"[\x21\x23-\x7e]+")
"""What most clients send."""


def parse_idempotency_key(headers: Sequence[str], method: str, path: str, canonical_body: bytes) -> Idempotency | None:
    """The client's promise, if it makes one. Raises `ApiProblem`."""
    if not headers:
        return None
    if len(headers) > 1:
        raise invalid("There are several Idempotency-Key headers; send one.")
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
            f"The Idempotency-Key header is not valid: it takes 1 to {LIMITS.idempotency_key_characters} "
            "visible ASCII characters, bare or in double quotes, e.g. a UUID."
        )
    return key
