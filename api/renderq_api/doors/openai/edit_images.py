"""Images of an edit: the image, and the mask in our form."""

from renderq.contract import FieldError
from renderq_api.assets import ImageRejected
from renderq_api.doors.input_images import Images, rejected
from renderq_api.doors.openai.alpha_mask import alpha_mask
from renderq_api.doors.openai.fields import ImageFields
from renderq_api.doors.openai.form import ImageForm
from renderq_api.http.problems import invalid
from renderq_api.services import Services

_OWN_ALPHA_MODEL = "dall-e-2"
"""Model of OpenAI that makes the transparent parts of an image without a mask anew."""


async def edit_images(services: Services, form: ImageForm, fields: ImageFields) -> Images:
    """Return the image of an edit, and the mask if it has one. Raises `ApiProblem`."""
    if "mask" in form.files:
        mask = await _alpha_mask(services, "mask", form.files["mask"])
        if mask is None:
            detail = "The mask has no transparency. Send an image whose transparent parts are to be made anew."
            raise invalid(f"/mask: {detail}", FieldError(pointer="/mask", code="no_transparency", detail=detail))
    elif fields.model == _OWN_ALPHA_MODEL:
        mask = await _alpha_mask(services, "image", form.files["image"])
    else:
        mask = None
    return {"image": form.files["image"]} | ({"mask": mask} if mask else {})


async def _alpha_mask(services: Services, field: str, data: bytes) -> bytes | None:
    try:
        return await services.assets.decode(alpha_mask, data)
    except ImageRejected as error:
        raise rejected(field, error) from error
