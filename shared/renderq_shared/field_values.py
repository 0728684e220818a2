"""Values of settings and of `models.toml` in words: what a field must be, and what it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_VALUE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class ZeroMeans:
    """Annotation of a setting whose value 0 has a meaning of its own."""

    meaning: str


def expected(field: FieldInfo) -> str:
    """Return which values a field has: `a whole number from 1 to 100`."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    if names := _literals(field.annotation):
        return " or ".join(", ".join(names).rsplit(", ", 1))
    if kinds[0] not in {int, float}:
        return _kind(field.annotation, kinds[0])
    zero = "".join(f"; 0 means {each.meaning}" for each in field.metadata if isinstance(each, ZeroMeans))
    low = next(format_number(each.ge) for each in field.metadata if isinstance(each, Ge))
    high = next(
        (f"from {low} to {format_number(each.le)}" for each in field.metadata if isinstance(each, Le)),
        f"of at least {low}",
    )
    multiple = "".join(f", a multiple of {each.multiple_of}" for each in field.metadata if isinstance(each, MultipleOf))
    return f"{'a whole number' if kinds[0] is int else 'a number'} {high}{multiple}{zero}"


def format_number(value: object) -> str:
    """Return a number with all its digits, and without the `.0` of a whole one."""
    return repr(value).removesuffix(".0")


def _literals(annotation: Any) -> list[str]:
    """Return the values of a `Literal`, also of one or `None`."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return next(filter(None, map(_literals, get_args(annotation))), [])


def _kind(annotation: Any, kind: Any) -> str:
    if get_origin(annotation) is tuple:
        return "a list of texts"
    if get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "a table"
    return "a path" if kind is Path else "text"


def shortened(value: object) -> str:
    """Return a value as an error shows it."""
    text = str(value) if isinstance(value, Path) else value
    if isinstance(text, str) and len(text) > _VALUE_CHARACTERS:
        return f"{text[:_VALUE_CHARACTERS]!r}…"
    shown = repr(text)
    return shown if isinstance(text, str) or len(shown) <= _VALUE_CHARACTERS else f"{shown[:_VALUE_CHARACTERS]}…"
