"""Does a row get the same bits in any batch? Asked once per model and dtype, at load, by trying."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

PROBED_ROWS = 16
"""Widest batch that the probe compares; exact batching goes no further."""

_MIN_LINEAR_ROWS = 4
"""CPU kernels for products with fewer rows than this add up in another order."""


def is_batch_invariant(forward: Callable[[slice], Tensor]) -> bool:
    """Whether rows alone (one, or a guided image's two) equal the same rows in wider batches, bit for bit.

    `forward(rows)` runs the model on that slice of `PROBED_ROWS` fixed random rows. The narrowest comparisons come
    first: a model that is not invariant is found out after a few rows.
    """
    pair = forward(slice(0, 2))
    if not torch.equal(forward(slice(0, 1)), pair[:1]):
        # An unguided image would see the difference, guided ones alone might not: one answer for all.
        return False
    for rows in (3, 4, 6, 8, PROBED_ROWS):
        if not torch.equal(forward(slice(0, rows))[:2], pair):
            return False
    last = slice(PROBED_ROWS - 2, PROBED_ROWS)
    return torch.equal(forward(slice(0, PROBED_ROWS))[last], forward(last))


class _PaddedLinear(nn.Linear):
    """Computes 2-D inputs of fewer than four rows as four rows."""

    def forward(self, input: Tensor) -> Tensor:
        rows = input.shape[0]
        if input.ndim != 2 or rows >= _MIN_LINEAR_ROWS:
            return super().forward(input)
        return super().forward(functional.pad(input, (0, 0, 0, _MIN_LINEAR_ROWS - rows)))[:rows]


def pad_narrow_linears(model: nn.Module, *, padded: bool) -> None:
    """Switch padding of narrow products on or off, in every `nn.Linear` of the model.

    On some CPUs with AVX512-BF16 this is what bfloat16 needs to be batch-invariant: the time embedding is the only
    place where a product has as few rows as the batch.
    """
    before, after = (nn.Linear, _PaddedLinear) if padded else (_PaddedLinear, nn.Linear)
    for module in model.modules():
        if type(module) is before:
            setattr(module, "__class__", after)  # noqa: B010  the weights stay where they are
