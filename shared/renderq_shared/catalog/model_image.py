"""Images that show what a model can do."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from renderq_shared.errors import CatalogInvalid

MAX_BYTES = 2 << 20

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class ModelImage:
    """An image file."""

    data: bytes
    content_type: str
    digest: str
    """SHA-256 of the file."""


def read_model_image(path: Path) -> ModelImage:
    """Read a PNG, JPEG or WebP of at most 2 MiB. Raises `CatalogInvalid`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CatalogInvalid(f"image {path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise CatalogInvalid(f"image {path} is larger than {MAX_BYTES >> 20} MiB; make it smaller")
    for signature, content_type in _SIGNATURES.items():
        if data.startswith(signature):
            return ModelImage(data, content_type, hashlib.sha256(data).hexdigest())
    raise CatalogInvalid(f"image {path} is not a PNG, JPEG or WebP file")
