"""What a request asks of a model that this one cannot heed: refused at once, not found out in the worker."""

from collections.abc import Iterator

from renderq.contract import Depth2ImgRequest, FieldError, JobRequest, UpscaleRequest
from renderq_api.http.problems import invalid
from renderq_shared.catalog import ModelEntry


def check_capabilities(request: JobRequest, entry: ModelEntry) -> None:
    """Raises `ApiProblem` that points at what the model cannot heed."""
    errors = list(_unheeded(request, entry))
    if errors:
        raise invalid(f"{errors[0].pointer}: {errors[0].detail}", *errors)


def _unheeded(request: JobRequest, entry: ModelEntry) -> Iterator[FieldError]:
    limits = entry.limits
    for field, side in (("width", request.width), ("height", request.height)):
        if side is not None and side % limits.size_multiple:
            detail = f"Must be a multiple of {limits.size_multiple} with the model {entry.name}, not {side}."
            yield FieldError(pointer=f"/{field}", code="not_a_multiple", detail=detail)
    yield from _at_most("clip_skip", request.clip_skip or 0, limits.max_clip_skip, entry)
    yield from _at_most("guidance_rescale", request.guidance_rescale or 0, limits.max_guidance_rescale, entry)
    if isinstance(request, UpscaleRequest):
        yield from _at_most("noise_level", request.noise_level, limits.max_noise_level or 0, entry)
    if request.scheduler is not None and request.scheduler not in entry.schedulers:
        detail = f"The model {entry.name} runs with its own scheduler only; leave it out."
        yield FieldError(pointer="/scheduler", code="not_supported", detail=detail)
    if request.negative_prompt and not entry.supports_negative_prompt:
        yield FieldError(pointer="/negative_prompt", code="not_supported", detail=_unknown("negative_prompt", entry))
    if isinstance(request, Depth2ImgRequest) and request.depth_map is None and not entry.has_depth_estimator:
        detail = f"The model {entry.name} has no depth estimator: it needs the picture's depth_map."
        yield FieldError(pointer="/depth_map", code="required", detail=detail)


def _at_most(field: str, value: float, most: float, entry: ModelEntry) -> Iterator[FieldError]:
    if value <= most:
        return
    if most:
        detail = f"May be at most {most:g} with the model {entry.name}, not {value:g}."
        yield FieldError(pointer=f"/{field}", code="too_large", detail=detail)
    else:
        yield FieldError(pointer=f"/{field}", code="not_supported", detail=_unknown(field, entry))


def _unknown(field: str, entry: ModelEntry) -> str:
    return f"The model {entry.name} knows no {field}; leave it out."
