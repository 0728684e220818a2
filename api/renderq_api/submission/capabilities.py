"""Capabilities: a request is checked against its model and this service before its images are fetched."""

from collections.abc import Iterator
from dataclasses import dataclass

from renderq.contract import Depth2ImgRequest, EditRequest, FieldError, JobRequest, SamplingParams, UpscaleRequest
from renderq_api.http.problems import invalid
from renderq_api.submission.image_size import size_errors
from renderq_api.submission.loras import lora_errors
from renderq_api.submission.request_parser import ParsedRequest
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.catalog.noise_schedulers import refuse_schedule
from renderq_shared.errors import PromptWeightTooHigh
from renderq_shared.field_values import format_number
from renderq_shared.prompt_attention import parse_prompt_attention


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that its model and this service support."""

    request: JobRequest
    model: ModelEntry
    sampling: SamplingParams


def check(parsed: ParsedRequest, catalog: Catalog, *, signs_webhooks: bool) -> CheckedRequest:
    """Check capabilities. Raises `ApiProblem` that points at the unsupported fields."""
    request, entry = parsed.request, parsed.model
    sampling = request.resolve_sampling(entry.defaults)
    errors = [*_unsupported(request, sampling, entry), *lora_errors(request, entry, catalog)]
    if errors:
        raise invalid(f"{errors[0].pointer}: {errors[0].detail}", *errors)
    if request.webhook and not signs_webhooks:
        # A secret generated here would differ between replicas, and the receiver could not know it.
        detail = "This service signs no webhooks: its operator has to set RENDERQ_WEBHOOK_SECRETS."
        raise invalid(detail, FieldError(pointer="/webhook", code="webhooks_disabled", detail=detail))
    return CheckedRequest(request, entry, sampling)


def _unsupported(request: JobRequest, sampling: SamplingParams, entry: ModelEntry) -> Iterator[FieldError]:
    limits = entry.limits
    yield from size_errors(request, entry)
    for field, maximum in limits.sampling_maxima.items():
        yield from _exceeded(field, getattr(sampling, field), maximum, entry)
    yield from _steps_out_of_range(sampling, entry)
    if isinstance(request, UpscaleRequest):
        yield from _exceeded("noise_level", request.noise_level, limits.max_noise_level or 0, entry)
    if isinstance(request, EditRequest) and len(request.images) > limits.max_images:
        detail = f"May have at most {limits.max_images} with the model {entry.name}, not {len(request.images)}."
        yield FieldError(pointer="/images", code="too_many", detail=detail)
    if request.scheduler is not None and request.scheduler not in entry.schedulers:
        detail = f"The model {entry.name} runs with its own scheduler only; omit it."
        yield FieldError(pointer="/scheduler", code="not_supported", detail=detail)
    elif refusal := refuse_schedule(sampling.scheduler, sampling.schedule, entry.schedules_of(sampling.scheduler)):
        detail = f"{refusal[0].upper()}{refusal[1:]}."
        yield FieldError(pointer="/schedule", code="not_supported", detail=detail)
    if request.negative_prompt and not entry.supports_negative_prompt:
        yield _not_supported("negative_prompt", entry)
    if entry.supports_prompt_weights:
        yield from _too_high_weights(request)
    if isinstance(request, Depth2ImgRequest) and request.depth_map is None and not entry.has_depth_estimator:
        detail = f"The model {entry.name} has no depth estimator: it needs the image's depth_map."
        yield FieldError(pointer="/depth_map", code="required", detail=detail)


def _steps_out_of_range(sampling: SamplingParams, entry: ModelEntry) -> Iterator[FieldError]:
    smallest, largest = entry.limits.steps_range(sampling.scheduler)
    if smallest <= sampling.steps <= largest:
        return
    scheduler = "its own scheduler" if sampling.scheduler is None else f"the scheduler {sampling.scheduler}"
    bound, code = (f"least {smallest}", "too_small") if sampling.steps < smallest else (f"most {largest}", "too_large")
    detail = f"Must be at {bound} with the model {entry.name} and {scheduler}, not {sampling.steps}."
    yield FieldError(pointer="/steps", code=code, detail=f"{detail} Another scheduler may allow it.")


def _too_high_weights(request: JobRequest) -> Iterator[FieldError]:
    for field, prompt in (("prompt", request.prompt), ("negative_prompt", request.negative_prompt)):
        try:
            parse_prompt_attention(prompt)
        except PromptWeightTooHigh as error:
            yield FieldError(pointer=f"/{field}", code="too_large", detail=f"{error}.")


def _exceeded(field: str, value: float, maximum: float, entry: ModelEntry) -> Iterator[FieldError]:
    """Yield an error if `value` exceeds `maximum`; a maximum of 0 means that the model has no such parameter."""
    if value <= maximum:
        return
    if maximum:
        most, sent = format_number(maximum), format_number(value)
        detail = f"May be at most {most} with the model {entry.name}, not {sent}."
        yield FieldError(pointer=f"/{field}", code="too_large", detail=detail)
    else:
        yield _not_supported(field, entry)


def _not_supported(field: str, entry: ModelEntry) -> FieldError:
    detail = f"The model {entry.name} does not support {field}; omit it."
    return FieldError(pointer=f"/{field}", code="not_supported", detail=detail)
