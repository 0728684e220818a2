"""Let a trained UNet go on with another text encoder.

Encoders that learned to parse the same captions hold the same facts, each in directions of its own: a linear map takes
the hidden states of one to those of the other (95 % of their variance, for the two that shipped one after the other).
Least squares finds it; folded into the layers of the UNet that read text, it lets the training go on.
"""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

_SMALLEST_DIRECTION = 0.05
"""Directions that the map shrinks below this share of the largest are not inverted: they would blow noise up."""


@torch.no_grad()
def realign(unet: UNet2DConditionModel, old: Tensor, new: Tensor) -> None:
    """Make `unet` read hidden states like `new` as it reads `old` now; both are of the same captions, [n, 32, 128]."""
    through, _ = _least_squares(new, old, offset=False)
    for name, module in unet.named_modules():
        if name.endswith("attn2"):
            for projection in (module.to_k, module.to_v):
                projection.weight.copy_(projection.weight @ through.T)
    pooled: Any = unet.add_embedding
    through, offset = _least_squares(pooled.norm1(new), pooled.norm1(old), offset=True)
    for projection in (pooled.pool.q_proj, pooled.pool.k_proj, pooled.pool.v_proj):
        projection.bias += projection.weight @ offset
        projection.weight.copy_(projection.weight @ through.T)
    # It is added to the mean of the states, before the projections.
    position = pooled.pool.positional_embedding
    position.copy_(position @ torch.linalg.pinv(through, rtol=_SMALLEST_DIRECTION))


def _least_squares(inputs: Tensor, outputs: Tensor, *, offset: bool) -> tuple[Tensor, Tensor]:
    """The matrix and the offset with the least squared error of `inputs @ matrix + offset - outputs`."""
    rows, targets = inputs.flatten(0, -2).double(), outputs.flatten(0, -2).double()
    if offset:
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    solution = torch.linalg.lstsq(rows, targets, driver="gelsd").solution.float()
    width = inputs.shape[-1]
    return solution[:width], solution[width:].sum(dim=0)
