"""Resolution: a checked request and its images → a resolved request, its cost and its assets."""

import secrets
from dataclasses import dataclass

from renderq.contract import (
    LIMITS,
    EditRequest,
    FieldError,
    ResolvedRequest,
    image_field_values,
    parse_resolved_request,
)
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.submission.capabilities import CheckedRequest
from renderq_api.submission.image_size import (
    InputImages,
    check_edited_images,
    check_format_size,
    check_resized_size,
    check_size,
    check_watermark_size,
    resolve_size,
    resolve_watermark,
)
from renderq_api.submission.loras import resolve_loras
from renderq_shared.field_values import format_number
from renderq_shared.imaging.cost import cost, model_calls
from renderq_shared.imaging.size import rendered_size


@dataclass(frozen=True, slots=True)
class IngestedRequest:
    """A checked request whose images are assets of its tenant."""

    checked: CheckedRequest
    images: InputImages


@dataclass(frozen=True, slots=True)
class ResolvedJob:
    """A resolved request, its cost and its assets."""

    request: ResolvedRequest
    cost: float
    """Estimated cost of all images, for fairness between tenants; workers report the actual cost."""
    assets: tuple[str, ...]


def resolve(ingested: IngestedRequest) -> ResolvedJob:
    """Fill in every default and draw the seed. Raises `ApiProblem` with pointers into the body."""
    requested, entry = ingested.checked.request, ingested.checked.model
    if isinstance(requested, EditRequest):
        check_edited_images(ingested.images)
    width, height = resolve_size(requested, entry, ingested.images)
    request = parse_resolved_request(
        {
            **dict(requested),
            **dict(ingested.checked.sampling),
            "model": entry.name,
            "width": width,
            "height": height,
            "loras": resolve_loras(requested, entry),
            "seed": _draw_seed(requested.n) if requested.seed is None else requested.seed,
            "output": requested.output.model_copy(update={"watermark": resolve_watermark(requested, entry)}),
            **image_field_values({field: asset.id for field, asset in ingested.images.items()}),
        }
    )
    check_size(request, requested, entry)
    check_resized_size(request)
    check_format_size(request)
    check_watermark_size(request, requested)
    calls = model_calls(request.scheduler, request.steps, request.strength)
    if not calls:
        raise _no_step(request)
    return ResolvedJob(
        request,
        cost=request.n * cost(calls, *rendered_size(request)),
        assets=tuple(dict.fromkeys(asset.id for asset in ingested.images.values())),
    )


def _draw_seed(n: int) -> int:
    """Draw from 0 … 2⁵³−1−n: image k uses seed + k, and every JSON reader represents all of them exactly."""
    return secrets.randbelow(LIMITS.seed - n + 1)


def _no_step(request: ResolvedRequest) -> ApiProblem:
    field = "strength" if "strength" in type(request).model_fields else "steps"
    detail = (
        f"A strength of {format_number(request.strength)} leaves no step of {request.steps} to run; increase either."
    )
    return invalid(f"/{field}: {detail}", FieldError(pointer=f"/{field}", code="too_small", detail=detail))
