"""Enlarging images: filters that need no model, and what follows a model that enlarges four times."""

import io

from PIL import Image

from renderq.contract import LIMITS, FieldError
from renderq_api.assets import check_image
from renderq_api.doors.a1111.samplers import NOT_FOUND
from renderq_api.http.problems import invalid
from renderq_shared.catalog import Catalog
from renderq_shared.imaging.image_file import read_colors

RESIZERS: dict[str, Image.Resampling] = {
    "None": Image.Resampling.LANCZOS,
    "Lanczos": Image.Resampling.LANCZOS,
    "Nearest": Image.Resampling.NEAREST,
}
"""Upscalers that are filters."""


def check_upscaler(catalog: Catalog, name: str) -> None:
    """Raise `ApiProblem` unless it is a filter, or a model that enlarges images."""
    entry = catalog.get(name)
    if name in RESIZERS or (entry and "upscale" in entry.tasks):
        return
    known = ", ".join((*RESIZERS, *(each.name for each in catalog.models if "upscale" in each.tasks)))
    detail = f"Upscaler not found: {name[:60]}; there are {known}."
    raise invalid(detail, FieldError(pointer="/upscaler_1", code=NOT_FOUND, detail=detail))


class ResultTooLarge(Exception):
    """The enlarged image would exceed the limits of images. The message says by how much."""


def enlarged_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return width and height in pixels, enlarged. Raises `ResultTooLarge`."""
    width, height = (max(1, round(side * factor)) for side in size)
    if max(width, height) > LIMITS.side_pixels or width * height > LIMITS.asset_pixels:
        raise ResultTooLarge(
            f"The result would have {width:,} × {height:,} pixels; the limit is {LIMITS.asset_pixels:,}, and "
            f"{LIMITS.side_pixels:,} per side."
        )
    return width, height


def resize_file(
    data: bytes, size: tuple[int, int], resampling: Image.Resampling, crop: tuple[int, int] | None
) -> bytes:
    """Return an image resized to `size`, and cut to the center `crop` if there is one, as PNG.

    Raises `ImageRejected`. Decodes the file: call it in a thread, one at a time.
    """
    check_image(data)
    image = read_colors(data)
    resized = image.convert("RGBA" if image.has_transparency_data else "RGB").resize(size, resampling)
    if crop:
        left, top = (size[0] - crop[0]) // 2, (size[1] - crop[1]) // 2
        resized = resized.crop((left, top, left + crop[0], top + crop[1]))
    file = io.BytesIO()
    resized.save(file, "PNG")
    return file.getvalue()
