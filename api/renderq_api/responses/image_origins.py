"""Origins that clients load images from, besides the API's own: part of the web page's policy."""

import contextlib
from urllib.parse import urlsplit

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import ApiSettings


class ImageOrigins:
    """Origin of the addresses that the store signs, and of `RENDERQ_PUBLIC_URL`, with which those of a folder begin."""

    def __init__(self, settings: ApiSettings, objects: ObjectStore) -> None:
        self._settings = settings
        self._objects = objects
        self._signed = ""

    def __call__(self) -> tuple[str, ...]:
        """Return origins such as `https://images.example.com`. Blocks. Omits the store's without credentials."""
        urls = (self._settings.public_url or "", self._signed_url())
        return tuple(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, urls) if parts.scheme)

    def _signed_url(self) -> str:
        """Return any address that the store signs, relative for a folder; nothing if the API serves the images."""
        if self._settings.image_delivery == "redirect" and not self._signed:
            with contextlib.suppress(ObjectStoreUnavailable):
                self._signed = self._objects.signed_url("origin.png", 1).url
        return self._signed
