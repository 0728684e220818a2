"""Computation with components that have no weights: what depends on weights has a shape and no values.

Weights are on torch's meta device. An operation with such a tensor returns one, also together with tensors that have
values, which torch itself refuses. Everything else is computed: timesteps, tokens, masks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_map_only

_CPU, _META = torch.device("cpu"), torch.device("meta")
_aten = torch.ops.aten


class ValueUnknown(Exception):
    """The computation depends on the value of an element that has none."""


class WeightlessMode(TorchDispatchMode):
    """Mode that mixes tensors with and without values. Tensors that are made on the meta device get values."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises `ValueUnknown`."""
        kwargs = dict(kwargs or {})
        has_values = not tree_any(_is_meta, (args, kwargs))
        if kwargs.get("device") is not None:
            kwargs["device"] = _CPU if has_values else _META
        if has_values:
            return func(*args, **kwargs)
        if func in (_aten._local_scalar_dense.default, _aten.nonzero.default):
            raise ValueUnknown
        if func is _aten.index.Tensor:
            args = args[0], [position for index in args[1] for position in _positions(index)]
        return func(*tree_map_only(Tensor, _to_meta, tuple(args)), **tree_map_only(Tensor, _to_meta, kwargs))


def _is_meta(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_meta


def _to_meta(tensor: Tensor) -> Tensor:
    return tensor.to(_META)


def _positions(index: Tensor | None) -> Iterator[Tensor | None]:
    """Yield the positions that a mask selects, one tensor per dimension; other indices as they are."""
    if index is None or index.dtype not in (torch.bool, torch.uint8):
        yield index
    elif index.is_meta:
        raise ValueUnknown
    else:
        yield from index.nonzero().unbind(1)
