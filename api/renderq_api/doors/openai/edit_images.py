"""Images of an edit: the image, and the mask in our form."""

from renderq.contract import FieldError
from renderq_api.assets import ImageRejected
from renderq_api.doors.input_images import Images, rejected
from renderq_api.doors.model_names import resolve_model
from renderq_api.doors.openai.alpha_mask import alpha_mask
from renderq_api.doors.openai.fields import ImageFields
from renderq_api.doors.openai.form import ImageForm
from renderq_api.doors.openai.job_body import ANY_MODEL
from renderq_api.http.problems import invalid
from renderq_api.services import Services

_OWN_ALPHA_MODEL = "dall-e-2"
"""Model of OpenAI that makes the transparent parts of an image without a mask anew."""


async def edit_images(services: Services, form: ImageForm, fields: ImageFields) -> tuple[str, Images]:
    """Return task and images of an edit. Raises `ApiProblem`.

    With a mask the task is `inpaint`; without, it is `edit` if the model has it, else `img2img`.
    """
    mask = await _mask(services, form, fields)
    if mask:
        return "inpaint", {"image": one_image(form, "With a mask"), "mask": mask}
    wished = "edit" if len(form.images) > 1 else "img2img"
    entry = services.catalog.get(resolve_model(services.catalog, fields.model, wished, ANY_MODEL))
    if entry is None or "edit" in entry.tasks:  # an unknown model is refused as such
        return "edit", {f"images/{index}": image for index, image in enumerate(form.images)}
    return "img2img", {"image": one_image(form, f"For the model {entry.name}")}


def one_image(form: ImageForm, reason: str) -> bytes:
    """Return the image of a form that may have one only. Raises `ApiProblem`."""
    if len(form.images) > 1:
        detail = f"{reason}, send one image."
        raise invalid(f"/image: {detail}", FieldError(pointer="/image", code="too_many", detail=detail))
    [image] = form.images
    return image


async def _mask(services: Services, form: ImageForm, fields: ImageFields) -> bytes | None:
    if form.mask is not None:
        mask = await _alpha_mask(services, "mask", form.mask)
        if mask is None:
            detail = "The mask has no transparency. Send an image whose transparent parts are to be made anew."
            raise invalid(f"/mask: {detail}", FieldError(pointer="/mask", code="no_transparency", detail=detail))
        return mask
    return await _alpha_mask(services, "image", form.images[0]) if fields.model == _OWN_ALPHA_MODEL else None


async def _alpha_mask(services: Services, field: str, data: bytes) -> bytes | None:
    try:
        return await services.assets.decode(alpha_mask, data)
    except ImageRejected as error:
        raise rejected(field, error) from error
