"""Input images of a request: references to send, and local images to upload first."""

from collections.abc import Mapping
from typing import cast

from renderq.contract import Asset
from renderq.contract.image_references import is_asset_id, is_data_url, is_https_url
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
    """Return field → image to upload. A string that is not an asset id, https URL or data URL is a path."""
    given = {name: value for name in _FIELDS if (value := fields.get(name)) is not None}
    return {name: cast(ImageSource, value) for name, value in given.items() if not _is_reference(value)}


def with_assets(fields: RequestParams, uploaded: Mapping[str, Asset]) -> RequestParams:
    """Return the request with the uploaded assets in place of local images."""
    return cast(RequestParams, {**fields, **uploaded})


def infer_task(fields: RequestParams) -> str | None:
    """Return the task that the fields imply; `None` for the service's default."""
    return next((task for field, task in _TASK_BY_FIELD.items() if fields.get(field) is not None), None)


def _is_reference(value: object) -> bool:
    if isinstance(value, str):
        return is_asset_id(value) or is_data_url(value) or is_https_url(value)
    return isinstance(value, Asset)
