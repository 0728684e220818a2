"""Description of one tensor of a weight file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

ITEM_BYTES: Mapping[str, int] = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "float8_e4m3fn": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2": 1,
    "float8_e5m2fnuz": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "bfloat16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
"""Dtype, as torch names it → bytes of one element."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Shape and dtype of a tensor; its position in the file is not needed."""

    shape: tuple[int, ...]
    dtype: str
    """A key of `ITEM_BYTES`."""

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)
