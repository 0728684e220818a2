"""Image files of a request as the input images of a job."""

import hashlib
import re

from pydantic import JsonValue

from renderq.contract import FieldError, ProblemKind, image_field_values
from renderq.contract.image_references import is_data_url
from renderq_api.assets import ImageRejected, decode_data_url
from renderq_api.assets.errors import unreadable
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.services import Services

_KINDS = {
    "asset_too_large": ProblemKind.ASSET_TOO_LARGE,
    "unsupported_media_type": ProblemKind.UNSUPPORTED_MEDIA_TYPE,
}

_ADDRESS = re.compile(r"[a-z]{1,10}://", re.IGNORECASE)

Images = dict[str, bytes]
"""Field of a job, as of `image_references` → image file."""


def decode_file(text: str) -> bytes:
    """Return the file that is encoded in base64, with or without `data:…;base64,`. Raises `ImageRejected`."""
    if match := _ADDRESS.match(text):
        raise unreadable(f"addresses with {match[0]} are not read here", "Send the file itself in base64")
    return decode_data_url(text if is_data_url(text) else f",{text}")


def asset_ids(images: Images) -> dict[str, JsonValue]:
    """Return the image fields of the job, with the ids of the assets that the images become."""
    ids = {field: f"asset_{hashlib.sha256(data).hexdigest()}" for field, data in images.items()}
    return {field: ids if isinstance(ids, str) else list(ids) for field, ids in image_field_values(ids).items()}


async def store_images(services: Services, tenant: str, images: Images) -> None:
    """Store the images as assets. Raises `ApiProblem`, `StoreUnavailable` and `ObjectStoreUnavailable`."""
    for field, data in images.items():
        try:
            await services.assets.add(tenant, data)
        except ImageRejected as error:
            raise rejected(field, error) from error


def rejected(field: str, error: ImageRejected) -> ApiProblem:
    """Return the problem of an image that cannot be the input `field`."""
    own = FieldError(pointer=f"/{field}", code=error.code, detail=error.detail)
    if error.code in _KINDS:
        return ApiProblem(_KINDS[error.code], error.detail, errors=[own])
    return invalid(f"/{field}: {error.detail}", own)
