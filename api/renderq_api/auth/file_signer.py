"""Signed URLs of files that the API serves for a store that clients cannot reach, such as S3 behind a firewall."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from renderq_shared.objects import SignedUrl
from renderq_shared.objects.signed_paths import is_signed, signed_path


class FileSigner:
    """Signs with the first secret of the service, and accepts all of them."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(secret, b"renderq files", hashlib.sha256) for secret in secrets]

    def sign(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        """Return a URL that needs no credentials, relative to the API's, and expires in `expires_s` seconds."""
        expires = int(time.time()) + expires_s
        path = signed_path(self._keys[0], key, expires, disposition)
        return SignedUrl(path, datetime.fromtimestamp(expires, UTC))

    def is_signed(self, key: str, expires: int, signature: str, disposition: str | None = None) -> bool:
        """Return whether `sign` made this signature. Does not check the expiry."""
        return any(is_signed(each, key, expires, signature, disposition) for each in self._keys)
