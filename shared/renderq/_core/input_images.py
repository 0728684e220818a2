"""Input images of a request: references to send, and local images to upload first."""

from collections.abc import Mapping, Sequence
from typing import cast

from renderq.contract import Asset
from renderq.contract.image_references import is_reference
from renderq.errors import InvalidArgument
from renderq.request_params import ImageSource, RequestParams

_FIELDS = ("image", "mask", "depth_map")
_LIST = "images"

_TASK_BY_FIELD = {
    "extend": "outpaint",
    "depth_map": "depth2img",
    "noise_level": "upscale",
    "mask": "inpaint",
    "images": "edit",
    "image": "img2img",
}
"""Field → the task that it implies; the first field present decides."""


def local_images(fields: RequestParams) -> dict[str, ImageSource]:
    """Return name → image to upload: everything but assets and strings that are references.

    The name is the field, for an image of a list `images/0`, `images/1`, …. Raises `InvalidArgument`.
    """
    given = {name: value for name in _FIELDS if (value := fields.get(name)) is not None}
    given |= {f"{_LIST}/{index}": value for index, value in enumerate(_list(fields))}
    return {name: cast(ImageSource, value) for name, value in given.items() if not _is_reference(value)}


def without_images(fields: RequestParams, local: Mapping[str, object]) -> dict[str, object]:
    """Return the fields without the local images; in a list, None stands for each."""
    sent = {name: value for name, value in fields.items() if name not in local}
    if sent.get(_LIST) is not None:
        listed = enumerate(_list(fields))
        sent[_LIST] = [None if f"{_LIST}/{index}" in local else value for index, value in listed]
    return sent


def with_uploaded(fields: Mapping[str, object], uploaded: Mapping[str, object]) -> dict[str, object]:
    """Return the fields with what was uploaded, named as by `local_images`."""
    result = dict(fields)
    for name, asset in uploaded.items():
        field, _, index = name.partition("/")
        if index:
            images = list(cast(Sequence[object], result[field]))
            images[int(index)] = asset
            result[field] = images
        else:
            result[field] = asset
    return result


def implied_task(fields: RequestParams) -> dict[str, str]:
    """Return the field `task` with the task that the fields imply; no field for the service's default."""
    task = next((task for field, task in _TASK_BY_FIELD.items() if fields.get(field) is not None), None)
    return {"task": task} if task else {}


def _list(fields: RequestParams) -> Sequence[object]:
    images: object = fields.get(_LIST)
    if images is None:
        return ()
    if not isinstance(images, list | tuple):
        raise InvalidArgument(f"{_LIST} takes a list of images, not {type(images).__name__}; one goes as [image]")
    return cast(Sequence[object], images)


def _is_reference(value: object) -> bool:
    return is_reference(value) if isinstance(value, str) else isinstance(value, Asset)
