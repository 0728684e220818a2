"""Size and watermark of a request's images, within the limits of its model."""

from collections.abc import Iterator, Mapping

from renderq.contract import (
    LIMITS,
    FieldError,
    JobRequest,
    OutpaintRequest,
    ProblemKind,
    ResolvedRequest,
    UpscaleRequest,
)
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import format_value
from renderq_shared.catalog import ModelEntry
from renderq_shared.imaging.size import UPSCALE_FACTOR, input_size, nearest_multiples, output_size, rendered_size
from renderq_shared.jobs import AssetRecord

_MAX_SIDES = {"jpeg": LIMITS.jpeg_side_pixels, "webp": LIMITS.webp_side_pixels}

InputImages = Mapping[str, AssetRecord]
"""Name as of `image_references` → input image; the first one decides about the size."""


def resolve_size(requested: JobRequest, entry: ModelEntry, input_images: InputImages) -> tuple[int, int]:
    """Return width and height of the resolved request."""
    image = next(iter(input_images.values()), None)
    if image is None:
        return requested.width or entry.defaults.width, requested.height or entry.defaults.height
    return input_size(requested, image.width, image.height, entry.limits)


def size_errors(requested: JobRequest, entry: ModelEntry) -> Iterator[FieldError]:
    """Yield the sides of a request that the model's autoencoder cannot render."""
    for pointer, pixels in _sides(requested):
        if pixels % entry.limits.size_multiple:
            yield not_a_multiple(pointer, pixels, entry)


def not_a_multiple(pointer: str, pixels: int, entry: ModelEntry) -> FieldError:
    """Return the error of a size that is no multiple of the model's, with the nearest ones that are."""
    multiple = entry.limits.size_multiple
    smallest = 0 if pointer.startswith("/extend/") else multiple
    nearest = nearest_multiples(pixels, multiple, smallest, entry.limits.max_side)
    which = " and ".join(map(str, nearest))
    detail = (
        f"Must be a multiple of {multiple} with the model {entry.name}, not {pixels}; the nearest "
        f"{'are' if len(nearest) > 1 else 'is'} {which}."
    )
    return FieldError(pointer=pointer, code="not_a_multiple", detail=detail)


def _sides(requested: JobRequest) -> Iterator[tuple[str, int]]:
    """Yield the pointer and the pixels of each side that a request states."""
    sides = {"/width": requested.width, "/height": requested.height}
    if isinstance(requested, OutpaintRequest):
        sides |= {f"/extend/{edge}": pixels for edge, pixels in requested.extend.model_dump().items()}
    yield from ((pointer, pixels) for pointer, pixels in sides.items() if pixels is not None)


def check_size(request: ResolvedRequest, requested: JobRequest, entry: ModelEntry) -> None:
    """Raise `ApiProblem` if the rendered images exceed the model's limits."""
    limits = entry.limits
    width, height = rendered_size(request)
    too_long = {name: side for name, side in (("width", width), ("height", height)) if side > limits.max_side}
    if not too_long and width * height <= limits.max_pixels:
        return
    given = [name for name in ("width", "height") if getattr(requested, name) is not None]
    fields = [name for name in given if name in too_long] or given
    if isinstance(requested, OutpaintRequest):
        fields = ["extend"]
    if too_long:
        reason = f"May be at most {limits.max_side}, not {max(too_long.values())}."
    else:
        reason = f"Width × height may be at most {limits.max_pixels:,} pixels, not {width * height:,}."
    if isinstance(requested, UpscaleRequest):
        reason += f" A result has {UPSCALE_FACTOR} times the image's width and height: request a smaller size."
    errors = [FieldError(pointer=f"/{name}", code="too_large", detail=reason) for name in fields or ["image"]]
    detail = f"{width} × {height} exceeds the limits of the model {entry.name}. {reason}"
    raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=errors)


def check_edited_images(images: InputImages) -> None:
    """Raise `ApiProblem` for input images of `edit` that pipelines refuse."""
    if errors := tuple(_edited_image_errors(images)):
        raise invalid(f"{errors[0].pointer}: {errors[0].detail}", *errors)


def _edited_image_errors(images: InputImages) -> Iterator[FieldError]:
    side, ratio = LIMITS.edit_image_side, LIMITS.edit_image_ratio
    for name, image in images.items():
        shorter, longer = sorted((image.width, image.height))
        size = f"{image.width} × {image.height}"
        if shorter < side:
            yield _too_small(f"/{name}", f"Both sides must have at least {side} pixels, not {size}")
        elif longer > ratio * shorter:
            detail = f"One side may be at most {ratio} times the other, not {size}; crop the image."
            yield FieldError(pointer=f"/{name}", code="too_long", detail=detail)


def check_resized_size(request: ResolvedRequest) -> None:
    """Raise `ApiProblem` if the images are too large after `output.resize`."""
    width, height = output_size(request)
    if request.output.resize == 1 or width * height <= LIMITS.resized_pixels:
        return
    detail = (
        f"Resized images may have at most {LIMITS.resized_pixels:,} pixels; {width} × {height} are {width * height:,}. "
        "Use a smaller factor, or render smaller images."
    )
    error = FieldError(pointer="/output/resize", code="too_large", detail=detail)
    raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=[error])


def check_format_size(request: ResolvedRequest) -> None:
    """Raise `ApiProblem` if a file of the requested format cannot have images of this size."""
    file_format = request.output.format
    maximum = _MAX_SIDES.get(file_format)
    width, height = output_size(request)
    if maximum is None or max(width, height) <= maximum:
        return
    detail = (
        f"A file in the format {file_format} has at most {maximum:,} pixels per side; the images would have "
        f"{width:,} × {height:,}. Use another format, such as png, or request smaller images."
    )
    error = FieldError(pointer="/output/format", code="too_large", detail=detail)
    raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=[error])


def resolve_watermark(requested: JobRequest, entry: ModelEntry) -> str | None:
    """Return the model's watermark, else the requested one. Raises `ApiProblem` if both are set and differ."""
    text = requested.output.watermark
    if entry.watermark and text not in (None, entry.watermark):
        detail = f"The model {entry.name} marks its images with {format_value(entry.watermark)}; omit the watermark."
        raise invalid(detail, FieldError(pointer="/output/watermark", code="watermark_fixed", detail=detail))
    return entry.watermark or text


def check_watermark_size(request: ResolvedRequest, requested: JobRequest) -> None:
    """Raise `ApiProblem` if the images are too small for their watermark."""
    width, height = output_size(request)
    if not request.output.watermark or width * height >= LIMITS.watermark_pixels:
        return
    detail = (
        f"A watermark needs {LIMITS.watermark_pixels:,} pixels, 256 × 256 for example; "
        f"{width} × {height} are {width * height:,}. Request larger images"
    )
    if requested.output.watermark:
        raise invalid(f"{detail}, or no watermark.", _too_small("/output/watermark", detail))
    fields = [name for name in ("width", "height") if getattr(requested, name) is not None] or ["width", "height"]
    detail = f"{detail}: the model {request.model} marks all its images"
    raise invalid(f"{detail}.", *(_too_small(f"/{name}", detail) for name in fields))


def _too_small(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code="too_small", detail=f"{detail}.")
