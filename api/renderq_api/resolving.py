"""A valid request and the catalog → what is rendered: every default filled in, the seed drawn."""

import difflib
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue, ValidationError

from renderq.contract import LIMITS, TASKS, FieldError, JobRequest, ProblemKind, parse_request
from renderq.contract.requests import DEFAULT_TASK
from renderq_api.problems import ApiProblem, invalid
from renderq_api.validation import field_errors, shown
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.costs import cost
from renderq_shared.jobs.records import Idempotency, NewJob


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request, and what it comes to."""

    request: JobRequest
    """As it was sent; what it left open is in `request_json`."""
    model: ModelEntry
    request_json: str
    """Leaves nothing open; canonical, and accepted again as a body."""
    cost: float
    """Of all images. An estimate for fairness between tenants; workers report what it was."""


def resolve(body: dict[str, JsonValue], catalog: Catalog) -> Resolved:
    """Raises `ApiProblem`, with pointers into the body."""
    request = _validated(body)
    entry = _model(request, catalog)
    defaults = entry.defaults
    width, height = request.width or defaults.width, request.height or defaults.height
    _require_size(width, height, body, entry)
    steps = request.steps or defaults.steps
    filled = {
        "model": entry.name,
        "width": width,
        "height": height,
        "steps": steps,
        "guidance_scale": defaults.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        "scheduler": request.scheduler or defaults.scheduler,
        "seed": _draw_seed(request.n) if request.seed is None else request.seed,
    }
    return Resolved(
        request=request,
        model=entry,
        request_json=json.dumps({**request.model_dump(mode="json"), **filled}, separators=(",", ":"), sort_keys=True),
        cost=request.n * cost(steps, width, height),
    )


def new_job(
    resolved: Resolved,
    *,
    job_id: str,
    tenant: str,
    attempts_max: int,
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
        attempts_max=attempts_max,
        deadline_ms=None if request.deadline_seconds is None else round(request.deadline_seconds * 1000),
        idempotency=idempotency,
        retried_from=retried_from,
        webhook_events=request.webhook.events if request.webhook else (),
        webhook_host=urlsplit(request.webhook.url).hostname or "" if request.webhook else "",
    )


def _validated(body: dict[str, JsonValue]) -> JobRequest:
    task = body.get("task", DEFAULT_TASK)
    if isinstance(task, str) and task not in TASKS:
        detail = f"The task must be one of {', '.join(TASKS)}, not {shown(task)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)
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
        entry = catalog.default
    elif (found := catalog.get(request.model)) is not None:
        entry = found
    else:
        near = difflib.get_close_matches(request.model, catalog.names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(catalog.names[:20])}."
        raise _problem(ProblemKind.MODEL_NOT_FOUND, "/model", f"There is no model {shown(request.model)}. {hint}")
    if request.task not in entry.tasks:
        detail = f"The model {entry.name} does not do {request.task}; it does {', '.join(entry.tasks)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)
    return entry


def _draw_seed(n: int) -> int:
    """0 … 2⁵³−1−n: image k takes seed + k, and every JSON reader keeps all of them exact."""
    return secrets.randbelow(LIMITS.seed - n + 1)


def _require_size(width: int, height: int, body: dict[str, JsonValue], entry: ModelEntry) -> None:
    limits = entry.limits
    sides = {"/width": width, "/height": height}
    errors = [
        FieldError(pointer=pointer, code="too_large", detail=f"May be at most {limits.max_side}, not {side}.")
        for pointer, side in sides.items()
        if side > limits.max_side
    ]
    if not errors and width * height > limits.max_pixels:
        detail = f"Width × height may be at most {limits.max_pixels:,} pixels, not {width * height:,}."
        given = [pointer for pointer in sides if body.get(pointer[1:]) is not None]
        errors = [FieldError(pointer=pointer, code="too_large", detail=detail) for pointer in given]
    if errors:
        detail = f"{width} × {height} is more than the model {entry.name} allows. {errors[0].detail}"
        raise ApiProblem(ProblemKind.TOO_MANY_PIXELS, detail, errors=errors)


def _problem(kind: ProblemKind, pointer: str, detail: str) -> ApiProblem:
    return ApiProblem(kind, detail, errors=[FieldError(pointer=pointer, code=kind, detail=detail)])
