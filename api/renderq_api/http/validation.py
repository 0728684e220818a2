"""pydantic errors → JSON pointers into the body, stable codes, readable messages."""

import difflib
import json
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from renderq.contract import TASKS, FieldError
from renderq_api.http.json_pointer import pointer
from renderq_api.http.problems import ApiProblem, invalid
from renderq_shared.field_values import format_number

Model = TypeVar("Model", bound=BaseModel)

MAX_ERRORS = 20
"""Errors listed in one response. Parsing limits the number of values of a body, and so of its errors."""

_POINTER_CHARACTERS = 1_000
"""A pointer that would be longer ends at a parent object."""

_VALUE_CHARACTERS = 60
"""Longer values are not quoted in messages."""


def field_errors(error: ValidationError, body: Mapping[str, JsonValue], model: type[BaseModel]) -> list[FieldError]:
    """Return the first 20 errors of a body that was validated as `model`, in pydantic's order."""
    details = error.errors(include_url=False)[:MAX_ERRORS]
    return [_field_error(one, body, model) for one in details]


def validate(model: type[Model], body: Mapping[str, JsonValue]) -> Model:
    """Validate a body. Raises `ApiProblem` with pointers into it."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid_body(error, body, model) from error


def invalid_body(error: ValidationError, body: Mapping[str, JsonValue], model: type[BaseModel]) -> ApiProblem:
    """Return the problem of a body that was validated as `model`."""
    return invalid_fields(field_errors(error, body, model), error.error_count())


def invalid_fields(errors: list[FieldError], count: int) -> ApiProblem:
    """Return the problem of a body with `count` errors, of which these are the first."""
    first, others = errors[0], count - 1
    where = f"{first.pointer}: " if first.pointer else ""
    more = f" There are {others} more errors." if others > 1 else " There is one more error." if others else ""
    return invalid(f"{where}{first.detail}{more}", *errors)


def _field_error(error: ErrorDetails, body: Mapping[str, JsonValue], model: type[BaseModel]) -> FieldError:
    path = _path(error["loc"], body, missing=error["type"] == "missing")
    code, message = _MESSAGES.get(error["type"], ("invalid", _plain))
    detail = _unknown_field(path, model) if code == "unknown_field" else message(error)
    return FieldError(pointer=_bounded(path), code=code, detail=detail)


def _path(loc: tuple[str | int, ...], body: JsonValue | Mapping[str, JsonValue], *, missing: bool) -> list[str | int]:
    """Return the part of `loc` that exists in the body. pydantic adds parts of its own, such as `[key]`."""
    path: list[str | int] = []
    here: object = body
    for part in loc:
        if isinstance(here, Mapping) and part in here:
            here = cast(Mapping[str | int, object], here)[part]
        elif isinstance(here, list) and isinstance(part, int):
            here = cast(list[object], here)[part]
        elif not missing:
            break
        path.append(part)
    return path


def _bounded(path: list[str | int]) -> str:
    while len(text := pointer(*path)) > _POINTER_CHARACTERS:
        path = path[:-1]
    return text


def _unknown_field(path: list[str | int], model: type[BaseModel]) -> str:
    known = _fields_at(path[:-1], model)
    elsewhere = [task for task, other in TASKS.items() if len(path) == 1 and path[0] in other.model_fields]
    if elsewhere and model in TASKS.values():
        return f"This task has no such field; these tasks do: {', '.join(elsewhere)}."
    if not known:
        return "Unknown field. There are none here; leave it out."
    similar = difflib.get_close_matches(str(path[-1])[:100], known, n=1)
    hint = f"Did you mean {similar[0]}?" if similar else f"Known fields: {', '.join(known)}."
    return f"Unknown field. {hint}"


def _fields_at(path: list[str | int], model: type[BaseModel]) -> list[str]:
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def format_value(value: object) -> str:
    """Return a value for use in a message: short, on one line."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str() if len(value) > _VALUE_CHARACTERS:
            return f"a string of {len(value):,} characters"
        case _:
            text = json.dumps(value)
            return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"


_Message = Callable[[ErrorDetails], str]


def _plain(error: ErrorDetails) -> str:
    text = error["msg"].removeprefix("Value error, ")
    return f"{text[:1].upper()}{text[1:]}."


def _must_be(expected: str) -> _Message:
    return lambda error: f"Must be {expected}, not {format_value(error['input'])}."


def _bound(comparison: str, name: str) -> _Message:
    return lambda error: (
        f"Must be {comparison} {format_number(error.get('ctx', {})[name])}, not {format_value(error['input'])}."
    )


def _length(error: ErrorDetails) -> str:
    return (
        f"May have at most {error.get('ctx', {}).get('max_length', '?'):,} characters; it has {len(error['input']):,}."
    )


def _entries(error: ErrorDetails) -> str:
    return f"May have at most {error.get('ctx', {}).get('max_length', '?'):,} entries; it has {len(error['input']):,}."


def _choice(error: ErrorDetails) -> str:
    expected = error.get("ctx", {}).get("expected", "")
    return f"Must be {expected}, not {format_value(error['input'])}."


_MESSAGES: dict[str, tuple[str, _Message]] = {
    "bool_parsing": ("wrong_type", _must_be("true or false")),
    "float_parsing": ("wrong_type", _must_be("a number")),
    "int_from_float": ("wrong_type", _must_be("an integer")),
    "int_parsing": ("wrong_type", _must_be("an integer")),
    "missing": ("required", lambda _: "This field is required."),
    "extra_forbidden": ("unknown_field", _plain),
    "int_parsing_size": ("wrong_type", _must_be("an integer")),
    "int_type": ("wrong_type", _must_be("an integer")),
    "finite_number": ("not_finite", _must_be("a finite number")),
    "float_type": ("wrong_type", _must_be("a number")),
    "string_type": ("wrong_type", _must_be("a string")),
    "bool_type": ("wrong_type", _must_be("true or false")),
    "list_type": ("wrong_type", _must_be("a list")),
    "dict_type": ("wrong_type", _must_be("an object")),
    "model_type": ("wrong_type", _must_be("an object")),
    "greater_than_equal": ("too_small", _bound("at least", "ge")),
    "less_than_equal": ("too_large", _bound("at most", "le")),
    "multiple_of": ("not_a_multiple", _bound("a multiple of", "multiple_of")),
    "string_too_long": ("too_long", _length),
    "too_long": ("too_many", _entries),
    "too_short": ("too_few", lambda _: "Must not be empty."),
    "literal_error": ("not_a_choice", _choice),
}
"""pydantic's error type → our code and message."""
