"""Batch invariance: whether images keep their bits when they share a forward pass. Measured per model and dtype.

Kernels sum in another order when a matrix product has more rows, so a float32 image usually changes in its last bits
when others join its batch. Two remedies preserve the bits that the image has alone: bfloat16, whose CPU kernels usually
do not depend on the number of rows; and computing the linear layers, where the difference arises, separately for each
image.

Kernels depend on the image size as well, and measuring all sizes at load would take too long. So the first batch of
each kind is also computed image by image and the separate results are used. If they are equal, later batches of that
kind are trusted without a comparison.

Known limitation: one comparison does not prove equality for all data. In bfloat16 on a CPU, a kind whose first batch
was equal can differ in a later one: an image of a tiny inpainting model differed by up to 4 of 255. Only batches of one
image have the same bits by construction.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

_ADAPTER = ".lora_"
"""Part of the names of layers of LoRAs, as peft names them."""

PROBED_ROWS = 16
"""Rows of the largest batch that the probe compares, and that exact batching uses."""

_PROBED_SIZES = (4, 8, 12, PROBED_ROWS)

Forward = Callable[[int, Sequence[int]], Tensor]
"""`forward(first, images)` runs the model on fixed random rows starting at `first`; `images` are the rows of each."""


@dataclass(frozen=True, slots=True)
class BatchInvariance:
    """Maximum rows of a forward pass in which every image keeps the bits that it has alone."""

    guided_rows: int = 2
    """For guided images, two rows each; 2 means that each must be alone."""
    unguided_rows: int = 1
    """For unguided images, one row each; 1 means that each must be alone."""

    @property
    def allows_mixing(self) -> bool:
        """Whether guided and unguided images may share a forward pass."""
        return self.guided_rows > 2 and self.unguided_rows > 1

    def max_rows(self, rows: int) -> int:
        """Return the maximum rows of a batch of images with `rows` rows each."""
        return self.guided_rows if rows == 2 else self.unguided_rows

    def is_invariant(self, rows: int) -> bool:
        """Return whether an image with `rows` rows keeps its bits in a batch."""
        return self.max_rows(rows) > rows

    def narrowed(self, images: Sequence[int]) -> "BatchInvariance":
        """Return limits below a batch of images with these rows. After a mixed batch, unguided images must be alone."""
        if all(rows == 2 for rows in images):
            return replace(self, guided_rows=min(self.guided_rows, sum(images) - 2))
        if all(rows == 1 for rows in images):
            return replace(self, unguided_rows=min(self.unguided_rows, sum(images) - 1))
        return replace(self, unguided_rows=1)


def measure_invariance(forward: Forward) -> BatchInvariance:
    """Compare batches with the same images alone, bit by bit, from small to large."""
    return BatchInvariance(_max_rows(forward, 2), _max_rows(forward, 1))


def _max_rows(forward: Forward, rows_each: int) -> int:
    max_rows, single = rows_each, list[Tensor]()
    for rows in _PROBED_SIZES:
        while len(single) * rows_each < rows:
            single.append(forward(len(single) * rows_each, [rows_each]))
        if not torch.equal(forward(0, [rows_each] * (rows // rows_each)), torch.cat(single)):
            break
        max_rows = rows
    return max_rows


Predict = Callable[[Sequence[int]], tuple[Tensor, ...]]
"""Compute the rows of each of these images, given by their indices in a batch, in one forward pass."""

Shape: TypeAlias = Hashable
"""What decides which kernels run: height and width of the latents with the chunks of the text encoder and the names of
the active LoRAs, whose layers compute, too; or the kind of a denoiser's call."""


class InvarianceTracker:
    """Batch invariance by shape, from comparisons of real batches with the same images alone."""

    def __init__(self, probed: BatchInvariance) -> None:
        """`probed` is the upper bound."""
        self.probed = probed
        self._narrowed: dict[Shape, BatchInvariance] = {}
        self._confirmed: set[tuple[Shape, tuple[int, ...]]] = set()
        self.count = 0
        """Number of comparisons."""

    def invariance_for(self, shape: Shape) -> BatchInvariance:
        """Return the batch invariance of this shape, as far as known."""
        return self._narrowed.get(shape, self.probed)

    def restart(self) -> None:
        """Forget all comparisons, because the model computes in another way now."""
        self._narrowed.clear()
        self._confirmed.clear()

    def predict_checked(self, shape: Shape, images: Sequence[int], predict: Predict) -> tuple[Tensor, ...]:
        """Predict all images, with the bits that they have alone; `images` are the rows of each.

        Predictions with NaN or infinity are not compared.
        """
        indices, kind = range(len(images)), tuple(sorted(images))
        batched = predict(indices)
        if len(images) == 1 or (shape, kind) in self._confirmed:
            return batched
        self.count += 1
        single = tuple(predict([index])[0] for index in indices)
        if all(torch.equal(*pair) for pair in zip(batched, single, strict=True) if torch.isfinite(pair[1]).all()):
            self._confirmed.add((shape, kind))
        else:
            self._narrowed[shape] = self.invariance_for(shape).narrowed(images)
        return single


class PerImageLinear:
    """Switch that makes the linear layers of a model compute each image of a batch separately, with unchanged bits.

    Layers of LoRAs, convolutions included, do so whether or not it is on: the kernels of their small products depend on
    the number of rows even where those of the model do not.
    """

    def __init__(self, model: nn.Module, *, exact: bool) -> None:
        """Without `exact`, layers of LoRAs compute whole batches."""
        self._model = model
        self._exact = exact
        self._is_enabled = False
        self._images: Sequence[int] = ()
        self.find_layers()

    def find_layers(self) -> None:
        """Look for the layers again, after some were added or removed."""
        self._layers: list[nn.Module] = []
        for name, module in self._model.named_modules():
            if _ADAPTER in name:
                if self._exact and type(module) in (nn.Linear, nn.Conv2d):
                    module.forward = partial(self._forward, module)
            elif type(module) is nn.Linear:
                self._layers.append(module)
        self.set_enabled(on=self._is_enabled)

    def set_enabled(self, *, on: bool) -> None:
        self._is_enabled = on
        for layer in self._layers:
            if on:
                layer.forward = partial(self._forward, layer)
            else:
                layer.__dict__.pop("forward", None)

    @contextmanager
    def batch_of(self, images: Sequence[int]) -> Generator[None]:
        """Set the rows of each image for forward passes inside the context."""
        self._images = images
        try:
            yield
        finally:
            self._images = ()

    def _forward(self, layer: Any, input: Tensor) -> Tensor:
        compute = partial(type(layer).forward, layer)
        if len(self._images) < 2 or len(input) != sum(self._images):  # some models flatten the tokens of all images
            return compute(input)
        return torch.cat([compute(image) for image in input.split(list(self._images))])
