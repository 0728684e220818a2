"""Pictures in a request: what the service knows by a name, and what has to be uploaded first."""

from collections.abc import Mapping
from typing import cast

from renderq.contract import Asset
from renderq.contract.image_references import is_asset_id, is_data_url
from renderq.request_params import ImageSource, RequestParams

_FIELDS = ("image", "mask", "depth_map")

_TELLING = {
    "extend": "outpaint",
    "depth_map": "depth2img",
    "noise_level": "upscale",
    "mask": "inpaint",
    "image": "img2img",
}
"""Field → the task that it belongs to; the first one that is there decides."""


def local_images(fields: RequestParams) -> dict[str, ImageSource]:
    """Field → what is to be uploaded for it. A text that is no asset, https URL or data URL is a path."""
    given = {name: value for name in _FIELDS if (value := fields.get(name)) is not None}
    return {name: cast(ImageSource, value) for name, value in given.items() if not _is_named(value)}


def with_assets(fields: RequestParams, uploaded: Mapping[str, Asset]) -> RequestParams:
    """The same request, with assets in place of what was uploaded."""
    return cast(RequestParams, {**fields, **uploaded})


def infer_task(fields: RequestParams) -> str | None:
    """What is meant where no task is said: it follows from the rest; `None` is the service's default."""
    return next((task for field, task in _TELLING.items() if fields.get(field) is not None), None)


def _is_named(value: object) -> bool:
    if isinstance(value, str):
        return is_asset_id(value) or is_data_url(value) or value.startswith("https://")
    return isinstance(value, Asset)
