"""Values of loaded weights: NaN, infinity, and matrices of zeros, which unfinished downloads leave."""

from typing import Any

import torch
from torch import nn

from renderq_worker.models.errors import ModelLoadFailed


def check_values(components: dict[str, Any]) -> None:
    """Read every weight once. Raises `ModelLoadFailed`, which names component and tensor."""
    for name, component in components.items():
        if isinstance(component, nn.Module):
            _check_component(name, component)


def _check_component(component: str, module: nn.Module) -> None:
    weights = {
        name: weight.detach()
        for name, weight in module.named_parameters()
        if weight.is_floating_point() and weight.numel() and type(weight) is nn.Parameter and not _is_quantized(weight)
    }
    if not weights:
        return
    extremes = torch.stack([torch.stack(weight.aminmax()).float() for weight in weights.values()])
    for (name, weight), (low, high) in zip(weights.items(), extremes.tolist(), strict=True):
        if not (abs(low) < float("inf") and abs(high) < float("inf")):
            raise ModelLoadFailed(
                f"{component} has NaN or infinity in {name} in {weight.dtype}; download the model again, or set "
                'dtype = "float32"'
            )
        # RoBERTa is published with one row of zeros, of a token type that it does not use.
        if low == high == 0 and weight.ndim > 1 and len(weight) > 1 and name.endswith(".weight"):
            raise ModelLoadFailed(f"{component} has nothing but zeros in {name}; download the model again")


def _is_quantized(weight: nn.Parameter) -> bool:
    """Return whether its numbers have 8 bits, which torch does not compare and only quantized models keep."""
    return weight.itemsize == 1
