"""Parsing: a request body → a valid request and its model."""

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from renderq.contract import TASKS, FieldError, JobRequest, ProblemKind, parse_request
from renderq.contract.requests import DEFAULT_TASK
from renderq_api.http.problems import ApiProblem
from renderq_api.http.validation import field_errors, format_value, invalid_fields
from renderq_api.submission.image_size import not_a_multiple
from renderq_shared.catalog import Catalog, ModelEntry


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request that is valid in itself, and the model that it names."""

    request: JobRequest
    model: ModelEntry


def parse(body: dict[str, JsonValue], catalog: Catalog) -> ParsedRequest:
    """Parse a request body. Raises `ApiProblem` with pointers into the body."""
    _check_task(body, catalog)
    request = _validate(body, catalog)
    return ParsedRequest(request, _find_model(request, catalog))


def _check_task(body: dict[str, JsonValue], catalog: Catalog) -> None:
    """Check the task first: errors in other fields mean nothing if the model does not support the task."""
    task, entry = body.get("task", DEFAULT_TASK), _named_model(body, catalog)
    if isinstance(task, str) and task not in TASKS:
        detail = f"The task must be one of {', '.join(TASKS)}, not {format_value(task)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)
    if isinstance(task, str) and entry is not None and task not in entry.tasks:
        detail = f"The model {entry.name} does not support {task}; it supports {', '.join(entry.tasks)}."
        raise _problem(ProblemKind.TASK_NOT_SUPPORTED, "/task", detail)


def _named_model(body: dict[str, JsonValue], catalog: Catalog) -> ModelEntry | None:
    name = body.get("model") or catalog.default.name
    return catalog.get(name) if isinstance(name, str) else None


def _validate(body: dict[str, JsonValue], catalog: Catalog) -> JobRequest:
    task = body.get("task", DEFAULT_TASK)
    try:
        return parse_request(body)
    except ValidationError as error:
        model = TASKS[task] if isinstance(task, str) else TASKS[DEFAULT_TASK]
        errors = [_of_model(each, body, _named_model(body, catalog)) for each in field_errors(error, body, model)]
        raise invalid_fields(errors, error.error_count()) from error


def _of_model(error: FieldError, body: dict[str, JsonValue], entry: ModelEntry | None) -> FieldError:
    """Return the error with the model's own multiple in place of the smallest one of all models."""
    if error.code != "not_a_multiple" or entry is None:
        return error
    pixels: Any = body
    for field in error.pointer.split("/")[1:]:
        pixels = pixels[field]
    return not_a_multiple(error.pointer, pixels, entry)


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
