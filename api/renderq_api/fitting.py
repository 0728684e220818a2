"""How large the pictures of a request are, and what they carry, held against what its model allows."""

from collections.abc import Mapping

from renderq.contract import LIMITS, FieldError, JobRequest, OutpaintRequest, ProblemKind, UpscaleRequest
from renderq_api.problems import ApiProblem, invalid
from renderq_api.validation import shown
from renderq_shared.catalog import ModelEntry
from renderq_shared.jobs import AssetRecord
from renderq_shared.sides import UPSCALING, picture_sides, result_sides

Pictures = Mapping[str, AssetRecord]
"""Field of a request → the picture that it names."""


def sides(asked: JobRequest, entry: ModelEntry, pictures: Pictures) -> tuple[int, int]:
    """Width and height of the resolved request."""
    picture = pictures.get("image")
    if picture is None:
        return asked.width or entry.defaults.width, asked.height or entry.defaults.height
    return picture_sides(asked, picture.width, picture.height, entry.limits)


def require_size(request: JobRequest, asked: JobRequest, entry: ModelEntry) -> None:
    """Raises `ApiProblem` for results that are larger than the model allows."""
    limits = entry.limits
    width, height = result_sides(request)
    too_long = {name: side for name, side in (("width", width), ("height", height)) if side > limits.max_side}
    if not too_long and width * height <= limits.max_pixels:
        return
    said = [name for name in ("width", "height") if getattr(asked, name) is not None]
    blamed = [name for name in said if name in too_long] or said
    if isinstance(asked, OutpaintRequest):
        blamed = ["extend"]
    if too_long:
        wrong = f"May be at most {limits.max_side}, not {max(too_long.values())}."
    else:
        wrong = f"Width × height may be at most {limits.max_pixels:,} pixels, not {width * height:,}."
    if isinstance(asked, UpscaleRequest):
        wrong += f" A result has {UPSCALING} times the picture's sides: say a smaller width or height."
    errors = [FieldError(pointer=f"/{name}", code="too_large", detail=wrong) for name in blamed or ["image"]]
    detail = f"{width} × {height} is more than the model {entry.name} allows. {wrong}"
    raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=errors)


def watermark(asked: JobRequest, entry: ModelEntry) -> str | None:
    """The model's, else what is asked for. Raises `ApiProblem` where they differ."""
    text = asked.output.watermark
    if entry.watermark and text not in (None, entry.watermark):
        detail = f"The model {entry.name} marks its pictures with {shown(entry.watermark)}; leave the watermark out."
        raise invalid(detail, FieldError(pointer="/output/watermark", code="watermark_fixed", detail=detail))
    return entry.watermark or text


def require_room_for_watermark(request: JobRequest, asked: JobRequest) -> None:
    """Raises `ApiProblem` for pictures with fewer pixels than a watermark needs."""
    width, height = result_sides(request)
    if not request.output.watermark or width * height >= LIMITS.watermark_pixels:
        return
    detail = (
        f"A watermark needs {LIMITS.watermark_pixels:,} pixels, 256 × 256 for example; "
        f"{width} × {height} are {width * height:,}. Ask for larger pictures"
    )
    if asked.output.watermark:
        raise invalid(f"{detail}, or for none.", _too_small("/output/watermark", detail))
    said = [name for name in ("width", "height") if getattr(asked, name) is not None] or ["width", "height"]
    detail = f"{detail}: the model {request.model} marks all of its own"
    raise invalid(f"{detail}.", *(_too_small(f"/{name}", detail) for name in said))


def _too_small(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code="too_small", detail=f"{detail}.")
