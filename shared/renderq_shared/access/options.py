"""Option types of `renderq keys`."""

import re

from renderq.cli.parameter_types import ParsedType
from renderq_shared.access.records import is_tenant

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}

_NAME_CHARACTERS = 100

_WEIGHT_MIN, _WEIGHT_MAX = 0.01, 100.0


def _name(text: str) -> str:
    """Parse the name of a key."""
    if not text.strip() or len(text) > _NAME_CHARACTERS or not text.isprintable():
        raise ValueError(f"takes 1 to {_NAME_CHARACTERS} printable characters")
    return text


def _tenant(text: str) -> str:
    if not is_tenant(text):
        raise ValueError(
            "takes 1 to 64 letters, digits, dots, hyphens and underscores, starting with a letter or digit"
        )
    return text


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise ValueError("takes a whole number from 1")
    return int(text)


def _weight(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or not _WEIGHT_MIN <= float(text) <= _WEIGHT_MAX:
        raise ValueError(f"takes a number from {_WEIGHT_MIN:g} to {_WEIGHT_MAX:g}")
    return float(text)


def _lifetime_ms(text: str) -> int:
    """Parse `90m`, `12h` or `30d` as milliseconds."""
    match = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if not match or not int(match[1]):
        raise ValueError("takes a duration such as 90m, 12h or 30d")
    return int(match[1]) * _UNITS_MS[match[2]]


NAME = ParsedType("name", _name)
TENANT = ParsedType("tenant", _tenant)
POSITIVE = ParsedType("integer", _positive)
WEIGHT = ParsedType("weight", _weight)
LIFETIME_MS = ParsedType("duration", _lifetime_ms)
