"""Types of the values in a component's configuration, compared with those that its class declares.

Classes of diffusers declare them in their constructor, configurations of transformers as fields. A value of another
type fails anywhere between the constructor and the last step, with a message that does not name its key.
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from diffusers import SchedulerMixin

from renderq_shared.field_values import shortened
from renderq_worker.models.errors import ModelLoadFailed

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "an object",
    NoneType: "null",
}


def check_types(path: Path, config: Mapping[str, Any], component_class: Any) -> None:
    """Raise `ModelLoadFailed` for a value of a type that the class does not take; it names file, key and types.

    A scheduler may have null wherever its other values turn the key off; the rehearsal of its steps finds the others.
    """
    given = {key for key in config if config[key] is not None or not issubclass(component_class, SchedulerMixin)}
    for key, declared in _declared_types(component_class).items():
        if key in given and not _fits(config[key], declared):
            raise ModelLoadFailed(f"{path}: {key} is {shortened(config[key])}, expected {_words(declared)}")


def _declared_types(component_class: Any) -> Mapping[str, Any]:
    """Return key → type. Some declarations are wrong, and then do not even fit the default."""
    config_class = getattr(component_class, "config_class", None)
    hints = get_type_hints(component_class.__init__ if config_class is None else config_class, localns={"torch": torch})
    parameters = inspect.signature((config_class or component_class).__init__).parameters
    defaults = {key: parameter.default for key, parameter in parameters.items()}
    return {key: _type_of(default, hints.get(key, Any)) for key, default in defaults.items()}


def _type_of(default: object, declared: Any) -> Any:
    if default is inspect.Parameter.empty:
        return declared
    if declared is not Any and (default is None or _fits(default, declared)):
        return declared | None if default is None else declared
    if isinstance(default, tuple | list) and default:
        return tuple[type(default[0]), ...]
    return type(default) if type(default) in (bool, int, float, str) else Any


def _fits(value: Any, declared: Any) -> bool:
    origin, arguments = get_origin(declared) or declared, get_args(declared)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return type(value) in map(type, arguments)  # constructors correct outdated names
    if origin in (tuple, list, Sequence):
        return isinstance(value, tuple | list) and _items_fit(value, arguments)
    match origin:
        case type() if origin is bool:
            return value is None or isinstance(value, int | float)
        case type() if origin is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case type() if origin is int:
            return type(value) is int or (isinstance(value, float) and value.is_integer())  # Sana 4K: a scale of 2.0
        case type() if origin in _WORDS:
            return type(value) is origin
        case _:
            return True  # a class that no JSON value can be of


def _items_fit(values: Sequence[Any], declared: tuple[Any, ...]) -> bool:
    """diffusers declares a tuple of any length as `tuple[int]`.

    Some published lists are deeper than declared in places, and less deep in others, such as the layers of SSD-1B.
    """
    if len(declared) > 1 and declared[1] is not Ellipsis:
        return len(values) == len(declared) and all(map(_fits, values, declared))
    return not declared or all(
        isinstance(value, list | tuple) or _fits(value, _innermost(declared[0])) for value in values
    )


def _innermost(declared: Any) -> Any:
    """Return the type of the items of the innermost list."""
    while (get_origin(declared) or declared) in (tuple, list, Sequence):
        declared = next(iter(get_args(declared)), Any)
    return declared


def _words(declared: Any) -> str:
    origin, arguments = get_origin(declared) or declared, get_args(declared)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_words, arguments)))
    if origin is Literal:
        return _words(type(arguments[0]))
    if origin in (tuple, list, Sequence):
        if len(arguments) > 1 and arguments[1] is not Ellipsis:
            return f"a list of {len(arguments)} items"
        return "a list"
    return _WORDS.get(origin, "another value")
