"""Adapts a trained UNet to another text encoder, so that its training can continue.

Encoders trained to parse the same captions encode the same facts in different bases. A linear map takes the hidden
states of one to those of the other (95 % of the variance, for the two that were shipped). It is found by least squares
and folded into the text projections of the UNet.
"""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

_MIN_SINGULAR_VALUE = 0.05
"""Relative to the largest; smaller ones are not inverted, because that would amplify noise."""


@torch.no_grad()
def realign(unet: UNet2DConditionModel, old: Tensor, new: Tensor) -> None:
    """Make `unet` treat the hidden states `new` as it treats `old`; both are of the same captions, [n, 32, 128]."""
    mapping, _ = _least_squares(new, old, offset=False)
    for name, module in unet.named_modules():
        if name.endswith("attn2"):
            for projection in (module.to_k, module.to_v):
                projection.weight.copy_(projection.weight @ mapping.T)
    pooled: Any = unet.add_embedding
    mapping, offset = _least_squares(pooled.norm1(new), pooled.norm1(old), offset=True)
    for projection in (pooled.pool.q_proj, pooled.pool.k_proj, pooled.pool.v_proj):
        projection.bias += projection.weight @ offset
        projection.weight.copy_(projection.weight @ mapping.T)
    # The positional embedding is added to the mean of the states, before the projections.
    position = pooled.pool.positional_embedding
    position.copy_(position @ torch.linalg.pinv(mapping, rtol=_MIN_SINGULAR_VALUE))


def _least_squares(inputs: Tensor, outputs: Tensor, *, offset: bool) -> tuple[Tensor, Tensor]:
    """Return matrix and offset that minimize the squared error of `inputs @ matrix + offset - outputs`."""
    rows, targets = inputs.flatten(0, -2).double(), outputs.flatten(0, -2).double()
    if offset:
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    solution = torch.linalg.lstsq(rows, targets, driver="gelsd").solution.float()
    width = inputs.shape[-1]
    return solution[:width], solution[width:].sum(dim=0)
