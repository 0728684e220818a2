"""Strict JSON parser (RFC 8259), without the extensions of Python's.

Rejects NaN and Infinity, numbers too large for a double (Python reads them as infinity), duplicate keys (Python keeps
only the last value), and lone surrogates (they cannot be stored or sent back). Counts the values before it parses them:
a megabyte of empty lists would take a tenth of a second to parse, and more to validate.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from pydantic import JsonValue

MAX_VALUES = 1_000
"""Maximum number of fields and list items of a body, at any depth. A request has at most about a hundred."""

MAX_KEYS = 1_000
"""Maximum number of fields of one object. Whatever goes through more holds up all other threads meanwhile."""

_MAX_DIGITS = 309
"""Of an integer. Longer ones exceed every double, and take a time that grows with the square of their length."""

_UP_TO_NEXT_VALUE = re.compile(r'(?:[^\[{,"]++|"(?:[^"\\]++|\\.)*+"?)*+(?:[\[{,]|\Z)', re.DOTALL)
"""A value begins at the start, and after each `[`, `{` and `,` outside strings. Linear: it never backtracks."""


class NotStrictJson(ValueError):
    """The text is not strict JSON. `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A parsed JSON object."""

    fields: dict[str, JsonValue]
    canonical: bytes
    """The object with sorted keys and no whitespace: equal for equal objects."""


def parse_object(data: bytes, max_values: int = MAX_VALUES) -> JsonObject:
    """Parse a body. Raises `NotStrictJson`."""
    try:
        text = data.decode().removeprefix("\ufeff")  # RFC 8259, 8.1: a byte order mark may be ignored
    except UnicodeDecodeError as error:
        raise NotStrictJson("not_utf8", f"the body is not UTF-8: byte {error.start} is invalid") from error
    if not text.strip():
        raise NotStrictJson("empty_body", 'the body is empty; send a JSON object such as {"prompt": "a red circle"}')
    # Counted in a loop of Python's own, which lets other threads in, unlike `islice`.
    if any(number > max_values for number, _ in enumerate(_UP_TO_NEXT_VALUE.finditer(text), start=1)):
        raise NotStrictJson("too_many_values", f"the body has more than {max_values:,} fields and list items")
    try:
        value = _decoder.decode(text)
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except NotStrictJson:
        raise
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotStrictJson("not_json", f"the body is not JSON: {error.msg} at {where}") from error
    except RecursionError as error:
        raise NotStrictJson("too_deep", "the body is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise NotStrictJson(
            "lone_surrogate", r"the body contains half of a surrogate pair (\ud800 … \udfff)"
        ) from error
    if not isinstance(value, dict):
        raise NotStrictJson("not_an_object", "the body must be a JSON object")
    return JsonObject(value, canonical)


def _reject_constant(name: str) -> NoReturn:
    raise NotStrictJson("not_finite", f"{name} is not JSON; send a finite number or omit the field")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrictJson("not_finite", f"the number {text[:40]} is too large")
    return number


def _bounded_int(text: str) -> int:
    if len(text.removeprefix("-")) > _MAX_DIGITS:
        raise NotStrictJson("number_too_long", f"the integer {text[:40]}… has more than {_MAX_DIGITS} digits")
    return int(text)


def _object_of_unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    if len(pairs) > MAX_KEYS:
        raise NotStrictJson("too_many_values", f"an object of the body has more than {MAX_KEYS:,} fields")
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[str] = set()
        duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise NotStrictJson(
            "duplicate_key", f"the key {json.dumps(duplicate[:100])} appears twice in one object; send it once"
        )
    return unique


_decoder = json.JSONDecoder(
    object_pairs_hook=_object_of_unique_keys,
    parse_int=_bounded_int,
    parse_float=_finite_float,
    parse_constant=_reject_constant,
)
