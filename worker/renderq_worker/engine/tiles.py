"""An image too large for one forward pass, cut into tiles that overlap.

In every step the model predicts tile by tile, and where tiles overlap their predictions are mixed; the scheduler then
steps the whole image (MultiDiffusion, Bar-Tal et al., 2023). So tiles agree before they become pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

OVERLAP = 1 / 4
"""Share of a tile's side that it has in common with its neighbor, at least."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A grid of equal tiles over an image; along each axis the first pixel of each tile, in latent pixels."""

    height: int
    width: int
    tile_height: int
    tile_width: int
    tops: Sequence[int]
    lefts: Sequence[int]

    @classmethod
    def over(cls, height: int, width: int, max_size: int) -> "Tiles | None":
        """Tiles with sides up to `largest`; None for an image that is no larger itself."""
        if max(height, width) <= max_size:
            return None
        tile_height, tile_width = min(height, max_size), min(width, max_size)
        return cls(height, width, tile_height, tile_width, _starts(height, tile_height), _starts(width, tile_width))

    def merge(self, sample: Tensor, predict: Callable[[Tensor], Tensor]) -> Tensor:
        """Tiles of a sample [B, channels, height, width] predicted one by one and mixed, [B, any, height, width]."""
        places = [
            (slice(top, top + self.tile_height), slice(left, left + self.tile_width))
            for top, left in product(self.tops, self.lefts)
        ]
        parts = [predict(sample[..., lines, columns].contiguous()) for lines, columns in places]
        weight = self._weight().to(sample.device)
        weights = weight.new_zeros(self.height, self.width)
        mixed = weight.new_zeros(*parts[0].shape[:2], self.height, self.width)
        for (lines, columns), part in zip(places, parts, strict=True):
            mixed[..., lines, columns] += part * weight
            weights[lines, columns] += weight
        return (mixed / weights).to(sample.dtype)

    def _weight(self) -> Tensor:
        """[tile_height, tile_width]: rising over the overlap with one neighbor, falling over that with the next."""
        vertical = _slopes(self.tile_height, alone=len(self.tops) == 1)
        return vertical[:, None] * _slopes(self.tile_width, alone=len(self.lefts) == 1)


def _starts(side: int, tile: int) -> tuple[int, ...]:
    """Evenly spread, as few as the overlap allows."""
    if side == tile:
        return (0,)
    steps = math.ceil((side - tile) / (tile - math.ceil(tile * OVERLAP)))
    return tuple(round(step * (side - tile) / steps) for step in range(steps + 1))


def _slopes(side: int, *, alone: bool) -> Tensor:
    if alone:
        return torch.ones(side)
    from_edge = torch.minimum(torch.arange(side), torch.arange(side).flip(0)) + 0.5
    return from_edge.clamp(max=math.ceil(side * OVERLAP))
