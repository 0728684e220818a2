"""Strict JSON parser (RFC 8259), without the extensions of Python's.

Rejects NaN and Infinity, numbers too large for a double (Python reads them as infinity), duplicate keys (Python keeps
only the last value), and lone surrogates (they cannot be stored or sent back).
"""

import json
import math
from dataclasses import dataclass
from typing import NoReturn

from pydantic import JsonValue


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


def parse_object(data: bytes) -> JsonObject:
    """Parse a body. Raises `NotStrictJson`."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NotStrictJson("not_utf8", f"the body is not UTF-8: byte {error.start} is invalid") from error
    if not text.strip():
        raise NotStrictJson("empty_body", 'the body is empty; send a JSON object such as {"prompt": "a red circle"}')
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
    except ValueError as error:
        # Python limits the number of digits of an integer.
        raise NotStrictJson("number_too_long", "the body contains a number with thousands of digits") from error
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


def _object_of_unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[str] = set()
        duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise NotStrictJson(
            "duplicate_key", f"the key {json.dumps(duplicate[:100])} appears twice in one object; send it once"
        )
    return unique


_decoder = json.JSONDecoder(
    object_pairs_hook=_object_of_unique_keys, parse_float=_finite_float, parse_constant=_reject_constant
)
