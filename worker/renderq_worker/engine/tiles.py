"""Overlapping tiles of an image that is too large for one forward pass (MultiDiffusion, Bar-Tal et al., 2023).

In every step the model predicts tile by tile, and overlapping predictions are averaged. The scheduler then steps the
whole image, so tiles agree before they are decoded.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

OVERLAP = 1 / 4
"""Minimum overlap of neighboring tiles, as a share of the tile's width or height."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Grid of equal tiles over an image, in latent pixels; `tops` and `lefts` are their first rows and columns."""

    height: int
    width: int
    tile_height: int
    tile_width: int
    tops: Sequence[int]
    lefts: Sequence[int]

    @classmethod
    def over(cls, height: int, width: int, max_size: int) -> "Tiles | None":
        """Return tiles of at most `max_size` × `max_size`; None for an image that is not larger."""
        if max(height, width) <= max_size:
            return None
        tile_height, tile_width = min(height, max_size), min(width, max_size)
        return cls(height, width, tile_height, tile_width, _starts(height, tile_height), _starts(width, tile_width))

    def merge(self, sample: Tensor, predict: Callable[[Tensor], Tensor]) -> Tensor:
        """Predict a sample [B, channels, height, width] tile by tile and average, [B, any, height, width]."""
        slices = [
            (slice(top, top + self.tile_height), slice(left, left + self.tile_width))
            for top, left in product(self.tops, self.lefts)
        ]
        parts = [predict(sample[..., rows, columns].contiguous()) for rows, columns in slices]
        weight = self._weight().to(sample.device)
        weights = weight.new_zeros(self.height, self.width)
        total = weight.new_zeros(*parts[0].shape[:2], self.height, self.width)
        for (rows, columns), part in zip(slices, parts, strict=True):
            total[..., rows, columns] += part * weight
            weights[rows, columns] += weight
        return (total / weights).to(sample.dtype)

    def _weight(self) -> Tensor:
        """Return [tile_height, tile_width], rising over the overlap with one neighbor, falling over the other."""
        vertical = _ramps(self.tile_height, is_single=len(self.tops) == 1)
        return vertical[:, None] * _ramps(self.tile_width, is_single=len(self.lefts) == 1)


def _starts(length: int, tile: int) -> tuple[int, ...]:
    """Return evenly spaced starts, as few as the overlap allows."""
    if length == tile:
        return (0,)
    steps = math.ceil((length - tile) / (tile - math.ceil(tile * OVERLAP)))
    return tuple(round(step * (length - tile) / steps) for step in range(steps + 1))


def _ramps(length: int, *, is_single: bool) -> Tensor:
    if is_single:
        return torch.ones(length)
    from_edge = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 0.5
    return from_edge.clamp(max=math.ceil(length * OVERLAP))
