"""A valid request and the catalog → what is rendered: every default filled in, the seed drawn."""

import difflib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue, ValidationError

from renderq.contract import (
    LIMITS,
    TASKS,
    FieldError,
    JobRequest,
    OutpaintRequest,
    ProblemKind,
    UpscaleRequest,
    parse_request,
)
from renderq.contract.requests import DEFAULT_TASK
from renderq_api.heeding import require_heeded
from renderq_api.problems import ApiProblem, invalid
from renderq_api.validation import field_errors, shown
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.costs import cost, model_calls
from renderq_shared.jobs import AssetRecord
from renderq_shared.jobs.records import Idempotency, NewJob
from renderq_shared.sides import UPSCALING, picture_sides, result_sides

Pictures = Mapping[str, AssetRecord]
"""Field of a request → the picture that it names."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that is valid in itself, and the model that it means."""

    request: JobRequest
    model: ModelEntry


@dataclass(frozen=True, slots=True)
class Resolved:
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


def read_request(body: dict[str, JsonValue], catalog: Catalog) -> Wanted:
    """Raises `ApiProblem`, with pointers into the body."""
    _require_task(body, catalog)
    request = _validated(body)
    model = _model(request, catalog)
    require_heeded(request, model)
    return Wanted(request, model)


def resolve(wanted: Wanted, pictures: Pictures) -> Resolved:
    """Raises `ApiProblem`, with pointers into the body."""
    asked, entry = wanted.request, wanted.model
    width, height = _sides(asked, entry, pictures)
    defaults = entry.defaults
    request = asked.model_copy(
        update={
            "model": entry.name,
            "width": width,
            "height": height,
            "steps": asked.steps or defaults.steps,
            "guidance_scale": defaults.guidance_scale if asked.guidance_scale is None else asked.guidance_scale,
            "guidance_rescale": (
                defaults.guidance_rescale if asked.guidance_rescale is None else asked.guidance_rescale
            ),
            "clip_skip": defaults.clip_skip if asked.clip_skip is None else asked.clip_skip,
            "scheduler": asked.scheduler or defaults.scheduler,
            "output": asked.output.model_copy(update={"watermark": _watermark(asked, entry)}),
            "seed": _draw_seed(asked.n) if asked.seed is None else asked.seed,
            **{field: asset.id for field, asset in pictures.items()},
        }
    )
    _require_size(request, asked, entry)
    _require_room_for_watermark(request, asked)
    calls = model_calls(request.scheduler, request.steps or 0, request.strength)
    if not calls:
        raise _no_step(request)
    return Resolved(
        request=request,
        model=entry,
        cost=request.n * cost(calls, *result_sides(request)),
        assets=tuple(dict.fromkeys(asset.id for asset in pictures.values())),
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
        assets=resolved.assets,
    )


def _require_task(body: dict[str, JsonValue], catalog: Catalog) -> None:
    """Before anything else: of a task that is not the model's, other fields would be blamed in vain."""
    task, model = body.get("task", DEFAULT_TASK), body.get("model") or catalog.default.name
    entry = catalog.get(model) if isinstance(model, str) else None
    if isinstance(task, str) and task not in TASKS:
        detail = f"The task must be one of {', '.join(TASKS)}, not {shown(task)}."
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
        raise _problem(ProblemKind.MODEL_NOT_FOUND, "/model", f"There is no model {shown(request.model)}. {hint}")
    return entry


def _draw_seed(n: int) -> int:
    """0 … 2⁵³−1−n: image k takes seed + k, and every JSON reader keeps all of them exact."""
    return secrets.randbelow(LIMITS.seed - n + 1)


def _sides(asked: JobRequest, entry: ModelEntry, pictures: Pictures) -> tuple[int, int]:
    picture = pictures.get("image")
    if picture is None:
        return asked.width or entry.defaults.width, asked.height or entry.defaults.height
    return picture_sides(asked, picture.width, picture.height, entry.limits)


def _require_size(request: JobRequest, asked: JobRequest, entry: ModelEntry) -> None:
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


def _watermark(asked: JobRequest, entry: ModelEntry) -> str | None:
    """The model's, else what is asked for. Raises `ApiProblem` where they differ."""
    text = asked.output.watermark
    if entry.watermark and text not in (None, entry.watermark):
        detail = f"The model {entry.name} marks its pictures with {shown(entry.watermark)}; leave the watermark out."
        raise invalid(detail, FieldError(pointer="/output/watermark", code="watermark_fixed", detail=detail))
    return entry.watermark or text


def _require_room_for_watermark(request: JobRequest, asked: JobRequest) -> None:
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


def _no_step(request: JobRequest) -> ApiProblem:
    field = "strength" if "strength" in type(request).model_fields else "steps"
    detail = f"A strength of {request.strength:g} leaves none of {request.steps} steps to be made; ask for more."
    return invalid(f"/{field}: {detail}", FieldError(pointer=f"/{field}", code="too_small", detail=detail))


def _problem(kind: ProblemKind, pointer: str, detail: str) -> ApiProblem:
    return ApiProblem(kind, detail, errors=[FieldError(pointer=pointer, code=kind, detail=detail)])
