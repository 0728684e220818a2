"""May images share a forward pass without changing each other's bits? Asked at load, per model and dtype, by trying.

Kernels add up in another order when a product has more rows, so a float32 image usually changes in its last bits when
others join. Two remedies give the very bits that the image has alone: bfloat16, whose CPU kernels do not depend on the
number of rows; and computing the linear layers, where the difference arises, for each image on its own.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

PROBED_ROWS = 16
"""Widest batch that the probe compares; exact batching goes no further."""

_WIDTHS = (4, 8, 12, PROBED_ROWS)

Forward = Callable[[int, Sequence[int]], Tensor]
"""`forward(first, images)` runs the model on fixed random rows from `first` on; `images` are the rows of each image."""


@dataclass(frozen=True, slots=True)
class Invariance:
    """Rows of a forward pass in which every image keeps the bits that it has alone."""

    guided: int = 2
    """With guided images only, two rows each; 2 means that each must be alone."""
    unguided: int = 1
    """With unguided images only, one row each; 1 means that each must be alone."""

    @property
    def mixes(self) -> bool:
        """Whether guided and unguided images may share a forward pass."""
        return self.guided > 2 and self.unguided > 1

    def widest(self, rows: int) -> int:
        """Rows of the widest batch of images that have so many rows each."""
        return self.guided if rows == 2 else self.unguided

    def holds_for(self, rows: int) -> bool:
        """Whether an image of so many rows keeps its bits in company."""
        return self.widest(rows) > rows


def probe(forward: Forward) -> Invariance:
    """Compare batches with the same images alone, bit for bit, from narrow to wide."""
    return Invariance(_widest(forward, 2), _widest(forward, 1))


def _widest(forward: Forward, rows_each: int) -> int:
    widest, alone = rows_each, list[Tensor]()
    for width in _WIDTHS:
        while len(alone) * rows_each < width:
            alone.append(forward(len(alone) * rows_each, [rows_each]))
        if not torch.equal(forward(0, [rows_each] * (width // rows_each)), torch.cat(alone)):
            break
        widest = width
    return widest


class ImageLinears:
    """Lets the linear layers of a model compute each image of a batch on its own, as they do when it is alone."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = [module for module in model.modules() if type(module) is nn.Linear]
        self._images: Sequence[int] = ()

    def switch(self, *, on: bool) -> None:
        for layer in self._layers:
            if on:
                layer.forward = partial(self._forward, layer)
            else:
                layer.__dict__.pop("forward", None)

    @contextmanager
    def batch_of(self, images: Sequence[int]) -> Generator[None]:
        """For forward passes inside: the rows of each image."""
        self._images = images
        try:
            yield
        finally:
            self._images = ()

    def _forward(self, layer: nn.Linear, input: Tensor) -> Tensor:
        if len(self._images) < 2:
            return functional.linear(input, layer.weight, layer.bias)
        images = input.split(list(self._images))
        return torch.cat([functional.linear(image, layer.weight, layer.bias) for image in images])
