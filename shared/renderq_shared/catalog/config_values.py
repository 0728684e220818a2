"""Ranges of the numbers in the configuration files of a model's components.

Libraries build what a configuration says: a million layers take hours, a trillion timesteps all memory. So every number
is compared with a range before anything is built from it. Published values are far inside.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from renderq.contract import LIMITS
from renderq_shared.catalog.json_files import read_json
from renderq_shared.errors import CatalogInvalid
from renderq_shared.field_values import format_number, shortened

_MAX_ITEMS = 10_000
"""Bound of a list: `trained_betas` has one item per timestep."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Smallest and largest value of the numbers under some keys."""

    keys: re.Pattern[str]
    low: float
    high: float

    def holds(self, value: object) -> bool:
        """Return whether this is a number in the range; under keys without a range of their own, or no number."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.low <= value <= self.high
        return not self.keys.pattern

    def __str__(self) -> str:
        if self.high == inf:
            return f"a number of at least {format_number(self.low)}"
        return f"a number from {format_number(self.low)} to {format_number(self.high)}"


def _range(keys: str, low: float, high: float) -> _Range:
    return _Range(re.compile(keys), low, high)


_RANGES = (
    _range(r"model_max_length", 8, inf),  # often 10³⁰, which means that none is set
    _range(r"max_len.*|.*edge|.*pixels", 0, inf),
    _range(r".*theta", 1, 1e9),
    _range(r"lambda_min_clipped", -inf, inf),
    _range(r"num_train_timesteps", LIMITS.steps, 10_000),
    _range(r"original_inference_steps", 1, 1_000),
    _range(r"steps_offset", 0, 10),
    _range(r"max_noise_level", 0, 999),
    _range(r"beta_start|beta_end|trained_betas", 0, 1),
    _range(r"solver_order", 1, 3),
    _range(r"scaling_factor|latents_std|shift|flow_shift", 1e-6, 1e6),
    _range(r"(.*_)?eps|.*dropout", 0, 1),
    _range(r".*layers(_per_block)?", 0, 1_000),
    _range(r".*(heads|groups)", 1, 10_000),
    _range(r"(sample|image|patch)_size", 1, 10_000),
    _range(r".*(channels|dim|dim_t5|hidden_size|intermediate_size|vocab_size)", 0, 1_000_000),
)
"""The first one whose pattern matches a whole key applies to its value: a number, a list of numbers, or null."""
_OTHERS = _range("", -(2**24), 2**24)
"""Of numbers under all other keys."""


class ComponentConfig(dict[str, Any]):
    """The configuration of a component, with all numbers in their ranges."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._path = path

    def whole_number(self, key: str, default: int) -> int:
        """Return a value, or the default for a missing one. Raises `CatalogInvalid` for anything but a whole number."""
        value = self.get(key, default)
        if type(value) is not int:
            raise CatalogInvalid(f"{self._path}: {key} is {shortened(value)}, expected a whole number")
        return value


def read_config(path: Path) -> ComponentConfig:
    """Read the configuration of a component.

    Raises `CatalogInvalid` for a value out of its range, which names file, key and range.
    """
    config = read_json(path)
    for key, value in config.items():
        _check(path, key, key, value)
    return ComponentConfig(path, config)


def _check(path: Path, place: str, key: str, value: Any) -> None:
    """Check a value and all inside; `place` leads to it, `key` is the innermost one."""
    match value:
        case dict():
            for name, item in value.items():
                _check(path, f"{place}.{name}", name, item)
        case list():
            if len(value) > _MAX_ITEMS:
                raise CatalogInvalid(f"{path}: {place} has {len(value):,} items, expected at most {_MAX_ITEMS:,}")
            for item in value:
                _check(path, place, key, item)
        case None:
            pass
        case _:
            expected = next((each for each in _RANGES if each.keys.fullmatch(key)), _OTHERS)
            if not expected.holds(value):
                raise CatalogInvalid(f"{path}: {place} is {shortened(value)}, expected {expected}")
