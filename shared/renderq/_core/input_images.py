"""Input images of a request: references to send, and local images to upload first."""

from typing import cast

from renderq.contract import Asset
from renderq.contract.image_references import is_reference
from renderq.request_params import ImageSource, RequestParams

_FIELDS = ("image", "mask", "depth_map")

_TASK_BY_FIELD = {
    "extend": "outpaint",
    "depth_map": "depth2img",
    "noise_level": "upscale",
    "mask": "inpaint",
    "image": "img2img",
}
"""Field → the task that it implies; the first field present decides."""


def local_images(fields: RequestParams) -> dict[str, ImageSource]:
    """Return field → image to upload: everything but assets and strings that are references."""
    given = {name: value for name in _FIELDS if (value := fields.get(name)) is not None}
    return {name: cast(ImageSource, value) for name, value in given.items() if not _is_reference(value)}


def implied_task(fields: RequestParams) -> dict[str, str]:
    """Return the field `task` with the task that the fields imply; no field for the service's default."""
    task = next((task for field, task in _TASK_BY_FIELD.items() if fields.get(field) is not None), None)
    return {"task": task} if task else {}


def _is_reference(value: object) -> bool:
    return is_reference(value) if isinstance(value, str) else isinstance(value, Asset)
