"""How large the pictures of a request are, and what they carry, held against what its model allows."""

from collections.abc import Mapping

from renderq.contract import LIMITS, FieldError, JobRequest, OutpaintRequest, ProblemKind, UpscaleRequest
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import format_value
from renderq_shared.catalog import ModelEntry
from renderq_shared.imaging.size import UPSCALE_FACTOR, input_size, output_size
from renderq_shared.jobs import AssetRecord

InputImages = Mapping[str, AssetRecord]
"""Field of a request → the picture that it names."""


def resolve_size(requested: JobRequest, entry: ModelEntry, input_images: InputImages) -> tuple[int, int]:
    """Width and height of the resolved request."""
    picture = input_images.get("image")
    if picture is None:
        return requested.width or entry.defaults.width, requested.height or entry.defaults.height
    return input_size(requested, picture.width, picture.height, entry.limits)


def check_size(request: JobRequest, requested: JobRequest, entry: ModelEntry) -> None:
    """Raises `ApiProblem` for results that are larger than the model allows."""
    limits = entry.limits
    width, height = output_size(request)
    too_long = {name: side for name, side in (("width", width), ("height", height)) if side > limits.max_side}
    if not too_long and width * height <= limits.max_pixels:
        return
    said = [name for name in ("width", "height") if getattr(requested, name) is not None]
    blamed = [name for name in said if name in too_long] or said
    if isinstance(requested, OutpaintRequest):
        blamed = ["extend"]
    if too_long:
        wrong = f"May be at most {limits.max_side}, not {max(too_long.values())}."
    else:
        wrong = f"Width × height may be at most {limits.max_pixels:,} pixels, not {width * height:,}."
    if isinstance(requested, UpscaleRequest):
        wrong += f" A result has {UPSCALE_FACTOR} times the picture's sides: say a smaller width or height."
    errors = [FieldError(pointer=f"/{name}", code="too_large", detail=wrong) for name in blamed or ["image"]]
    detail = f"{width} × {height} is more than the model {entry.name} allows. {wrong}"
    raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=errors)


def resolve_watermark(requested: JobRequest, entry: ModelEntry) -> str | None:
    """The model's, else what is asked for. Raises `ApiProblem` where they differ."""
    text = requested.output.watermark
    if entry.watermark and text not in (None, entry.watermark):
        detail = (
            f"The model {entry.name} marks its pictures with {format_value(entry.watermark)}; leave the watermark out."
        )
        raise invalid(detail, FieldError(pointer="/output/watermark", code="watermark_fixed", detail=detail))
    return entry.watermark or text


def check_watermark_size(request: JobRequest, requested: JobRequest) -> None:
    """Raises `ApiProblem` for pictures with fewer pixels than a watermark needs."""
    width, height = output_size(request)
    if not request.output.watermark or width * height >= LIMITS.watermark_pixels:
        return
    detail = (
        f"A watermark needs {LIMITS.watermark_pixels:,} pixels, 256 × 256 for example; "
        f"{width} × {height} are {width * height:,}. Ask for larger pictures"
    )
    if requested.output.watermark:
        raise invalid(f"{detail}, or for none.", _too_small("/output/watermark", detail))
    said = [name for name in ("width", "height") if getattr(requested, name) is not None] or ["width", "height"]
    detail = f"{detail}: the model {request.model} marks all of its own"
    raise invalid(f"{detail}.", *(_too_small(f"/{name}", detail) for name in said))


def _too_small(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code="too_small", detail=f"{detail}.")
