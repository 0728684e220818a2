"""One tensor of a file, as its header describes it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where its weights are does not matter here."""

    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)
