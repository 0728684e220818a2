"""Values of arguments as JSON: what neighboring libraries have instead of numbers, lists and dictionaries."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import isfinite, log10
from operator import index
from typing import Any, cast

from pydantic import BaseModel

from renderq.contract import Asset
from renderq.errors import InvalidArgument
from renderq.request_params import ExtendParams, OutputParams, RequestParams, WebhookParams

_TYPES: dict[str, Any] = {
    "prompt": "str",
    **RequestParams.__annotations__,
    **{
        f"{field}.{name}": annotation
        for field, params in (("output", OutputParams), ("webhook", WebhookParams), ("extend", ExtendParams))
        for name, annotation in params.__annotations__.items()
    },
}
"""Field → the type that it takes, for messages."""


_MAX_DEPTH = 32

_MAX_BITS = 1_024
"""Of an integer. Larger ones exceed every double, and Python refuses to write those of thousands of digits."""


def json_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are not `None` as values that JSON has. Raises `InvalidArgument`."""
    return {name: json_value(name, value) for name, value in fields.items() if value is not None}


def json_value(field: str, value: object, depth: int = 0) -> object:
    """Return a value as JSON has it.

    A number is what has `__index__` or `__float__`, such as a scalar of NumPy or PyTorch, a `Decimal` or a `Fraction`;
    arrays and other collections are lists. The service validates the result. Raises `InvalidArgument`, which names the
    field, for anything else, for NaN and infinity, for numbers beyond a double, for text that UTF-8 cannot encode, and
    for collections more than 32 deep, such as those that contain themselves. `depth`: how deep this value is in one.
    """
    if depth > _MAX_DEPTH:
        name = field.partition(".")[0]
        raise InvalidArgument(f"{name} contains itself, or collections nested more than {_MAX_DEPTH} deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return checked_text(value, field)
    if isinstance(value, Asset):
        return value.id
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return {
            checked_text(name, f"a key of {field}"): json_value(f"{field}.{name}", each, depth + 1)
            for name, each in items
        }
    if not isinstance(value, bytes | bytearray | memoryview):
        if callable(plain := getattr(value, "tolist", None)) and (made := plain()) is not value:
            return json_value(field, made, depth + 1)  # arrays and their scalars
        if hasattr(value, "__index__") or hasattr(value, "__float__"):
            return _number(field, value)
        if isinstance(value, Collection):
            members = enumerate(cast(Collection[object], value))
            return [json_value(f"{field}.{number}", member, depth + 1) for number, member in members]
    raise _unsuitable(field, value)


def checked_text(value: object, name: str) -> str:
    """Return text that UTF-8 can encode. Raises `InvalidArgument`."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{name} is not text: character {error.start} is half of a surrogate pair") from None
    return value


def query_value(name: str, value: object) -> str:
    """Return a value of a query. Naive datetimes are local time. Raises `InvalidArgument`."""
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except (OverflowError, ValueError):
            raise InvalidArgument(f"{name}: {value} is out of range") from None
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = str(value)
    except ValueError:  # Python limits the digits of a number
        raise InvalidArgument(f"{name} is a number of thousands of digits") from None
    return checked_text(text, name)


def _number(field: str, value: Any) -> int | float:
    try:
        number = index(value)
    except TypeError:
        pass
    else:
        if number.bit_length() > _MAX_BITS:
            raise InvalidArgument(
                f"{field} must be a number that a double can hold, not one of {_digits(number)} digits"
            )
        return number
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise _unsuitable(field, value) from None
    if not isfinite(number):
        raise InvalidArgument(f"{field} must be a finite number, not {number}")
    is_exact = isinstance(value, Decimal | Fraction) and number.is_integer()
    return int(value) if is_exact else number


def _digits(number: int) -> str:
    """Return about how many digits an integer has, which Python may refuse to write."""
    return f"about {round(number.bit_length() * log10(2)):,}"


def _unsuitable(field: str, value: object) -> InvalidArgument:
    annotation = _TYPES.get(field)
    takes = getattr(annotation, "__name__", None) if isinstance(annotation, type) else str(annotation)
    expected = f" takes {takes}" if annotation is not None else " takes what JSON has"
    return InvalidArgument(f"{field}{expected}, not {type(value).__name__}")
