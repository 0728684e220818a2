"""May images share a forward pass without changing each other's bits? Asked at load, per model and dtype, by trying.

Kernels add up in another order when a product has more rows, so a float32 image usually changes in its last bits when
others join. Two remedies give the very bits that the image has alone: bfloat16, whose CPU kernels do not depend on the
number of rows; and computing the linear layers, where the difference arises, for each image on its own.

Kernels go by the sides of an image as well, and trying all of them at load would take too long. So the first batch of
its kind is computed image by image too: what an image gives alone is right, and the comparison counts from then on.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
class BatchInvariance:
    """Rows of a forward pass in which every image keeps the bits that it has alone."""

    guided_rows: int = 2
    """With guided_rows images only, two rows each; 2 means that each must be alone."""
    unguided_rows: int = 1
    """With unguided_rows images only, one row each; 1 means that each must be alone."""

    @property
    def allows_mixing(self) -> bool:
        """Whether guided_rows and unguided_rows images may share a forward pass."""
        return self.guided_rows > 2 and self.unguided_rows > 1

    def max_rows(self, rows: int) -> int:
        """Rows of the widest batch of images that have so many rows each."""
        return self.guided_rows if rows == 2 else self.unguided_rows

    def is_invariant(self, rows: int) -> bool:
        """Whether an image of so many rows keeps its bits in company."""
        return self.max_rows(rows) > rows

    def narrowed(self, images: Sequence[int]) -> "BatchInvariance":
        """Narrower than a batch of images with these rows; where the two kinds do not mix, unguided_rows ones are alone."""
        if all(rows == 2 for rows in images):
            return replace(self, guided_rows=min(self.guided_rows, sum(images) - 2))
        if all(rows == 1 for rows in images):
            return replace(self, unguided_rows=min(self.unguided_rows, sum(images) - 1))
        return replace(self, unguided_rows=1)


def measure_invariance(forward: Forward) -> BatchInvariance:
    """Compare batches with the same images alone, bit for bit, from narrow to wide."""
    return BatchInvariance(_widest(forward, 2), _widest(forward, 1))


def _widest(forward: Forward, rows_each: int) -> int:
    widest, alone = rows_each, list[Tensor]()
    for width in _WIDTHS:
        while len(alone) * rows_each < width:
            alone.append(forward(len(alone) * rows_each, [rows_each]))
        if not torch.equal(forward(0, [rows_each] * (width // rows_each)), torch.cat(alone)):
            break
        widest = width
    return widest


Predict = Callable[[Sequence[int]], tuple[Tensor, ...]]
"""Each image's rows, computed in one forward pass; which images is told by their places in a batch."""

Shape = tuple[int, int, int]
"""Height and width of the latents, token_chunks of the text encoder."""


class InvarianceTracker:
    """Batches of real work that were compared with the same images alone, bit for bit."""

    def __init__(self, probed: BatchInvariance) -> None:
        """`probed` bounds what is tried."""
        self.probed = probed
        self._found: dict[Shape, BatchInvariance] = {}
        self._passed: set[tuple[Shape, tuple[int, ...]]] = set()
        self.count = 0
        """Comparisons so far."""

    def invariance_for(self, shape: Shape) -> BatchInvariance:
        """What is known for this shape."""
        return self._found.get(shape, self.probed)

    def predict_checked(self, shape: Shape, images: Sequence[int], predict: Predict) -> tuple[Tensor, ...]:
        """All images, with the bits that they have alone; `images` are the rows of each. NaN proves nothing."""
        places, kind = range(len(images)), tuple(sorted(images))
        together = predict(places)
        if len(images) == 1 or (shape, kind) in self._passed:
            return together
        self.count += 1
        alone = tuple(predict([place])[0] for place in places)
        if all(torch.equal(*pair) for pair in zip(together, alone, strict=True) if torch.isfinite(pair[1]).all()):
            self._passed.add((shape, kind))
        else:
            self._found[shape] = self.invariance_for(shape).narrowed(images)
        return alone


class PerImageLinear:
    """Lets the linear layers of a model compute each image of a batch on its own, as they do when it is alone."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = [module for module in model.modules() if type(module) is nn.Linear]
        self._images: Sequence[int] = ()

    def set_enabled(self, *, on: bool) -> None:
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
