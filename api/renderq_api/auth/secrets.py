"""Secrets of the service: those of RENDERQ_SECRET, or a random one in a private file of the data folder.

API processes compare fingerprints in Redis, because a token of one with another secret is refused by the others.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from renderq_api.errors import SecretUnusable
from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.objects.folder.shared_value import SharedValue
from renderq_shared.redis.errors import translate_errors
from renderq_shared.settings import ApiSettings

_FILE = "secret"

_FINGERPRINT_KEY = "rq:secret-fingerprint"
"""Redis key of the fingerprint of the secret with which the API process that started last signs."""


def load_secrets(settings: ApiSettings) -> tuple[bytes, ...]:
    """Return the secrets, the one to sign with first. Blocks. Raises `SecretUnusable`."""
    if settings.secrets:
        return settings.secrets
    try:
        return (SharedValue(settings.data / _FILE, scratch=settings.data).get(),)
    except ObjectStoreUnavailable as error:
        raise SecretUnusable(f"{error}; make it readable, or set RENDERQ_SECRET") from error


async def compare_secrets(redis: Redis, secrets: Sequence[bytes]) -> str | None:
    """Publish our fingerprint, and return a warning if other API processes may use another secret."""
    fingerprints = [hmac.digest(each, b"renderq fingerprint", hashlib.sha256).hex()[:32] for each in secrets]
    with translate_errors(_FINGERPRINT_KEY):
        published = cast(str | None, await redis.set(_FINGERPRINT_KEY, fingerprints[0], get=True))
    if published is None or published in fingerprints:
        return None
    return (
        "another API process signs URLs with another secret, or this one has lost its data folder: "
        "each refuses the URLs of the other; set RENDERQ_SECRET to the same value for all of them"
    )
