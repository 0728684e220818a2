"""A valid request and the catalog → what is rendered: every default filled in, the seed drawn."""

import difflib
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue, ValidationError

from renderq.contract import LIMITS, TASKS, FieldError, JobRequest, ProblemKind, parse_request
from renderq.contract.requests import DEFAULT_TASK
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import field_errors, format_value
from renderq_api.submission.capabilities import check_capabilities
from renderq_api.submission.image_size import (
    InputImages,
    check_size,
    check_watermark_size,
    resolve_size,
    resolve_watermark,
)
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.imaging.cost import cost, model_calls
from renderq_shared.imaging.size import output_size
from renderq_shared.jobs.records import Idempotency, NewJob


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request that is valid in itself, and the model that it means."""

    request: JobRequest
    model: ModelEntry


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request, and what it comes to."""

    request: JobRequest
    """Leaves nothing open, and names pictures as assets alone."""
    model: ModelEntry
    cost: float
    """Of all images. An estimate for fairness between tenants; workers report what it was."""
    assets: tuple[str, ...]

    @property
    def request_json(self) -> str:
        """Canonical, and accepted again as a body."""
        return json.dumps(self.request.model_dump(mode="json"), separators=(",", ":"), sort_keys=True)


def parse(body: dict[str, JsonValue], catalog: Catalog) -> ParsedRequest:
    """Raises `ApiProblem`, with pointers into the body."""
    _require_task(body, catalog)
    request = _validated(body)
    model = _model(request, catalog)
    check_capabilities(request, model)
    return ParsedRequest(request, model)


def resolve(parsed: ParsedRequest, input_images: InputImages) -> ResolvedRequest:
    """Raises `ApiProblem`, with pointers into the body."""
    requested, entry = parsed.request, parsed.model
    width, height = resolve_size(requested, entry, input_images)
    defaults = entry.defaults
    request = requested.model_copy(
        update={
            "model": entry.name,
            "width": width,
            "height": height,
            "steps": requested.steps or defaults.steps,
            "guidance_scale": defaults.guidance_scale if requested.guidance_scale is None else requested.guidance_scale,
            "guidance_rescale": (
                defaults.guidance_rescale if requested.guidance_rescale is None else requested.guidance_rescale
            ),
            "clip_skip": defaults.clip_skip if requested.clip_skip is None else requested.clip_skip,
            "scheduler": requested.scheduler or defaults.scheduler,
            "output": requested.output.model_copy(update={"watermark": resolve_watermark(requested, entry)}),
            "seed": _draw_seed(requested.n) if requested.seed is None else requested.seed,
            **{field: asset.id for field, asset in input_images.items()},
        }
    )
    check_size(request, requested, entry)
    check_watermark_size(request, requested)
    calls = model_calls(request.scheduler, request.steps or 0, request.strength)
    if not calls:
        raise _no_step(request)
    return ResolvedRequest(
        request=request,
        model=entry,
        cost=request.n * cost(calls, *output_size(request)),
        assets=tuple(dict.fromkeys(asset.id for asset in input_images.values())),
    )


def new_job(
    resolved: ResolvedRequest,
    *,
    job_id: str,
    tenant: str,
    max_attempts: int,
    idempotency: Idempotency | None,
    retried_from: str | None = None,
) -> NewJob:
    request = resolved.request
    return NewJob(
        id=job_id,
        tenant=tenant,
        task=request.task,
        model=resolved.model.name,
        request_json=resolved.request_json,
        images=request.n,
        cost=resolved.cost,
        priority=request.priority,
        max_attempts=max_attempts,
        deadline_ms=None if request.deadline_seconds is None else round(request.deadline_seconds * 1000),
        idempotency=idempotency,
        retried_from=retried_from,
        webhook_events=request.webhook.events if request.webhook else (),
        webhook_host=urlsplit(request.webhook.url).hostname or "" if request.webhook else "",
        assets=resolved.assets,
    )


def _require_task(body: dict[str, JsonValue], catalog: Catalog) -> None:
    """Before anything else: of a task that is not the model's, other fields would be blamed in vain."""
    task, model = body.get("task", DEFAULT_TASK), body.get("model") or catalog.default.name
    entry = catalog.get(model) if isinstance(model, str) else None
    if isinstance(task, str) and task not in TASKS:
        detail = f"The task must be one of {', '.join(TASKS)}, not {format_value(task)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)
    if isinstance(task, str) and entry is not None and task not in entry.tasks:
        detail = f"The model {entry.name} does not do {task}; it does {', '.join(entry.tasks)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)


def _validated(body: dict[str, JsonValue]) -> JobRequest:
    task = body.get("task", DEFAULT_TASK)
    try:
        return parse_request(body)
    except ValidationError as error:
        model = TASKS[task] if isinstance(task, str) else TASKS[DEFAULT_TASK]
        errors = field_errors(error, body, model)
        first, others = errors[0], error.error_count() - 1
        where = f"{first.pointer}: " if first.pointer else ""
        more = f" There are {others} more errors." if others > 1 else " There is one more error." if others else ""
        raise invalid(f"{where}{first.detail}{more}", *errors) from error


def _model(request: JobRequest, catalog: Catalog) -> ModelEntry:
    if request.model is None:
        return catalog.default
    entry = catalog.get(request.model)
    if entry is None:
        near = difflib.get_close_matches(request.model, catalog.names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(catalog.names[:20])}."
        raise _problem(
            ProblemKind.MODEL_NOT_FOUND, "/model", f"There is no model {format_value(request.model)}. {hint}"
        )
    return entry


def _draw_seed(n: int) -> int:
    """0 … 2⁵³−1−n: image k takes seed + k, and every JSON reader keeps all of them exact."""
    return secrets.randbelow(LIMITS.seed - n + 1)


def _no_step(request: JobRequest) -> ApiProblem:
    field = "strength" if "strength" in type(request).model_fields else "steps"
    detail = f"A strength of {request.strength:g} leaves none of {request.steps} steps to be made; ask for more."
    return invalid(f"/{field}: {detail}", FieldError(pointer=f"/{field}", code="too_small", detail=detail))


def _problem(kind: ProblemKind, pointer: str, detail: str) -> ApiProblem:
    return ApiProblem(kind, detail, errors=[FieldError(pointer=pointer, code=kind, detail=detail)])
