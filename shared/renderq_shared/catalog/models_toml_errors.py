"""Errors in `models.toml`, in its own terms: the entry, the key, what it must be, and what it is."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from renderq_shared.catalog.entries import NAME_RULE
from renderq_shared.field_values import expected, shortened

Keys = Sequence[int | str]

_KINDS: dict[int | str, tuple[str, str]] = {
    "models": ("model", "[models.NAME] with a source"),
    "loras": ("lora", "[loras.NAME] with a source and a base"),
    "embeddings": ("embedding", "[embeddings.NAME] with a source and a base"),
    "styles": ("style", "[styles.NAME] with a prompt"),
}
"""Table of tables → what one of them is called, and how it is written."""


_MISSING = {
    "source": "it is a folder, a file, or hub:OWNER/NAME",
    "base": "it is the name of a model, names of several, or a family",
    "prompt": "it is a text with {prompt}, which stands for the prompt",
}
"""Required key → what it is."""


def describe_errors(error: ValidationError, table: type[BaseModel]) -> tuple[str, ...]:
    """Return one line per error in a `table`, the class of the whole file."""
    return tuple(dict.fromkeys(_describe(details, table) for details in error.errors()))


def _describe(details: ErrorDetails, table: type[BaseModel]) -> str:
    keys = details["loc"]
    if keys[0] not in {"aliases", *_KINDS} or len(keys) == 1:
        return _problem(details, keys, table)
    if keys[0] == "aliases":
        return _alias_problem(details, keys)
    kind, written = _KINDS[keys[0]]
    name = f"{kind} {keys[1]!r}"
    if keys[2:] == ("[key]",):
        return f"{name}: the name must have {NAME_RULE}"
    if len(keys) == 2:
        return f"{name} must be a table, {written} (got {shortened(details['input'])})"
    [_, entry] = get_args(table.model_fields[str(keys[0])].annotation)
    return f"{name}: {_problem(details, keys[2:], entry)}"


def _alias_problem(details: ErrorDetails, keys: Keys) -> str:
    if len(keys) > 2:
        return f"alias {shortened(keys[1])}: the name must have 1 to 200 characters"
    return f"alias {keys[1]!r} must be the name of a model (got {shortened(details['input'])})"


def _problem(details: ErrorDetails, keys: Keys, table: type[BaseModel], prefix: str = "") -> str:
    """`keys` leads from the table to the error; `prefix` from the entry to the table."""
    key = str(keys[0])
    field = table.model_fields.get(key)
    if field is None:
        return _unknown(key, table, prefix)
    nested = _nested(field)
    if nested is not None and len(keys) > 1:
        return _problem(details, keys[1:], nested, f"{prefix}{key}.")
    if key == "models" and details["type"] in ("missing", "too_short"):
        return "there is no model; write a table [models.NAME] with a source"
    if details["type"] == "missing":
        return f"{prefix}{key} is missing; {_MISSING[key]}"
    if details["type"] == "string_pattern_mismatch" and key == "prompt":
        return f"prompt must contain {{prompt}}, which stands for the prompt (got {shortened(details['input'])})"
    own = details.get("ctx", {}).get("error") if details["type"] == "value_error" else None
    return f"{prefix}{key} {own or f'must be {expected(field)}'} (got {shortened(details['input'])})"


def _unknown(key: str, table: type[BaseModel], prefix: str) -> str:
    """Return what to write instead of an unknown key: a similar one, or the same one in a table in this one."""
    for name, field in table.model_fields.items():
        nested = _nested(field)
        if nested is not None and key in nested.model_fields:
            return f"{key} belongs into {name}; write {name}.{key}"
    similar = get_close_matches(key[:100], table.model_fields, n=1)
    guess = f"did you mean {prefix}{similar[0]}? " if similar else ""
    return f"unknown key {prefix + key!r}; {guess}Known keys: {', '.join(table.model_fields)}"


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
