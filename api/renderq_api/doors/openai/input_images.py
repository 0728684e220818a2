"""Images of a form as the input images of a job."""

import hashlib

from pydantic import JsonValue

from renderq.contract import FieldError, ProblemKind
from renderq_api.assets import ImageRejected
from renderq_api.doors.openai.alpha_mask import alpha_mask
from renderq_api.doors.openai.fields import ImageFields
from renderq_api.doors.openai.form import ImageForm
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.services import Services

_OWN_ALPHA_MODEL = "dall-e-2"
"""Model of OpenAI that makes the transparent parts of an image without a mask anew."""

_KINDS = {
    "asset_too_large": ProblemKind.ASSET_TOO_LARGE,
    "unsupported_media_type": ProblemKind.UNSUPPORTED_MEDIA_TYPE,
}

Images = dict[str, bytes]
"""Field of a job → image file."""


async def edit_images(services: Services, form: ImageForm, fields: ImageFields) -> Images:
    """Return the image of an edit, and the mask if it has one. Raises `ApiProblem`."""
    if "mask" in form.files:
        mask = await _alpha_mask(services, "mask", form.files["mask"])
        if mask is None:
            detail = "The mask has no transparency. Send an image whose transparent parts are to be made anew."
            raise _invalid("mask", "no_transparency", detail)
    elif fields.model == _OWN_ALPHA_MODEL:
        mask = await _alpha_mask(services, "image", form.files["image"])
    else:
        mask = None
    return {"image": form.files["image"]} | ({"mask": mask} if mask else {})


def asset_ids(images: Images) -> dict[str, JsonValue]:
    """Return field → id of the asset that its image becomes."""
    return {field: f"asset_{hashlib.sha256(data).hexdigest()}" for field, data in images.items()}


async def store_images(services: Services, tenant: str, images: Images) -> None:
    """Store the images as assets. Raises `ApiProblem`, `StoreUnavailable` and `ObjectStoreUnavailable`."""
    for field, data in images.items():
        try:
            await services.assets.add(tenant, data)
        except ImageRejected as error:
            raise _rejected(field, error) from error


async def _alpha_mask(services: Services, field: str, data: bytes) -> bytes | None:
    try:
        return await services.assets.decode(alpha_mask, data)
    except ImageRejected as error:
        raise _rejected(field, error) from error


def _rejected(field: str, error: ImageRejected) -> ApiProblem:
    if error.code not in _KINDS:
        return _invalid(field, error.code, error.detail)
    own = FieldError(pointer=f"/{field}", code=error.code, detail=error.detail)
    return ApiProblem(_KINDS[error.code], error.detail, errors=[own])


def _invalid(field: str, code: str, detail: str) -> ApiProblem:
    return invalid(f"/{field}: {detail}", FieldError(pointer=f"/{field}", code=code, detail=detail))
