"""Parsing: a request body → a valid request and its model."""

import difflib
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from renderq.contract import TASKS, FieldError, JobRequest, ProblemKind, parse_request
from renderq.contract.requests import DEFAULT_TASK
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import field_errors, format_value
from renderq_shared.catalog import Catalog, ModelEntry


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request that is valid in itself, and the model that it names."""

    request: JobRequest
    model: ModelEntry


def parse(body: dict[str, JsonValue], catalog: Catalog) -> ParsedRequest:
    """Parse a request body. Raises `ApiProblem` with pointers into the body."""
    _check_task(body, catalog)
    request = _validate(body)
    return ParsedRequest(request, _find_model(request, catalog))


def _check_task(body: dict[str, JsonValue], catalog: Catalog) -> None:
    """Check the task first: errors in other fields mean nothing if the model does not support the task."""
    task, model = body.get("task", DEFAULT_TASK), body.get("model") or catalog.default.name
    entry = catalog.get(model) if isinstance(model, str) else None
    if isinstance(task, str) and task not in TASKS:
        detail = f"The task must be one of {', '.join(TASKS)}, not {format_value(task)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)
    if isinstance(task, str) and entry is not None and task not in entry.tasks:
        detail = f"The model {entry.name} does not support {task}; it supports {', '.join(entry.tasks)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)


def _validate(body: dict[str, JsonValue]) -> JobRequest:
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


def _find_model(request: JobRequest, catalog: Catalog) -> ModelEntry:
    if request.model is None:
        return catalog.default
    entry = catalog.get(request.model)
    if entry is None:
        similar = difflib.get_close_matches(request.model, catalog.names, n=1)
        hint = f"Did you mean {similar[0]}?" if similar else f"The models are {', '.join(catalog.names[:20])}."
        detail = f"There is no model {format_value(request.model)}. {hint}"
        raise _problem(ProblemKind.MODEL_NOT_FOUND, "/model", detail)
    return entry


def _problem(kind: ProblemKind, pointer: str, detail: str) -> ApiProblem:
    return ApiProblem(kind, detail, errors=[FieldError(pointer=pointer, code=kind, detail=detail)])
