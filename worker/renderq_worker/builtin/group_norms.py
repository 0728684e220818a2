"""Adapts trained weights to another number of groups in their group normalizations."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm


class _InputSeen(Exception):
    """Ends a forward pass once the input of a layer is known."""


@torch.no_grad()
def match_group_norms(target: nn.Module, source: nn.Module, inputs: Tensor) -> None:
    """Set scale and shift of each GroupNorm of `target` so that its outputs come nearest those of `source`.

    Both modules have the same layers, apart from the number of groups. In the order of the layers, scale and shift of
    each channel are the least-squares fit over `inputs`.
    """
    for name, expected in _norm_outputs(source, inputs):
        norm = cast("nn.GroupNorm", target.get_submodule(name))
        given = _input(norm, target, inputs)
        normalized = group_norm(given, norm.num_groups, eps=norm.eps).transpose(0, 1).flatten(1)
        wanted = expected.transpose(0, 1).flatten(1)
        variance, mean = torch.var_mean(normalized, dim=1, keepdim=True, correction=0)
        wanted_mean = wanted.mean(dim=1, keepdim=True)
        covariance = ((normalized - mean) * (wanted - wanted_mean)).mean(dim=1, keepdim=True)
        scale = covariance / variance.clamp(min=1e-8)
        norm.weight.copy_(scale[:, 0])
        norm.bias.copy_((wanted_mean - scale * mean)[:, 0])


def _norm_outputs(module: nn.Module, inputs: Tensor) -> list[tuple[str, Tensor]]:
    """Return names and outputs of the norms of `module`, in the order of its forward pass."""
    outputs: list[tuple[str, Tensor]] = []
    names: dict[nn.Module, str] = {
        layer: name for name, layer in module.named_modules() if isinstance(layer, nn.GroupNorm)
    }

    def keep(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append((names[layer], output))

    handles = [layer.register_forward_hook(keep) for layer in names]
    module(inputs)
    for handle in handles:
        handle.remove()
    return outputs


def _input(layer: nn.Module, module: nn.Module, inputs: Tensor) -> Tensor:
    """Return what `layer` gets as its input when `module` gets `inputs`."""
    seen: list[Tensor] = []

    def stop(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0])
        raise _InputSeen

    handle = layer.register_forward_pre_hook(stop)
    try:
        module(inputs)
    except _InputSeen:
        pass
    finally:
        handle.remove()
    return seen[0]
