"""The latest results of a stock pipeline's `encode_prompt`, so that the images of a job encode their prompts once."""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from renderq_worker.engine.loras import LoraWeights

_MAX_RESULTS = 8
"""Results that are kept; one of T5-XXL has 8 MB in float32, and a call makes one or two."""


class EncodedPromptCache:
    """Results by the arguments of the call. A call with tensors among its arguments is not kept."""

    def __init__(self) -> None:
        self._results: OrderedDict[Hashable, Any] = OrderedDict()

    def wrap(self, encode_prompt: Callable[..., Any], loras: LoraWeights = ()) -> Callable[..., Any]:
        """Return a function that calls `encode_prompt` only for arguments whose result is not kept.

        `loras`: those active in the text encoders.
        """
        signature = inspect.signature(encode_prompt)

        def encode_once(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            try:
                key = (loras, *((name, _frozen(value)) for name, value in bound.arguments.items()))
            except TypeError:
                return encode_prompt(*args, **kwargs)
            if key not in self._results:
                self._results[key] = encode_prompt(*args, **kwargs)
                if len(self._results) > _MAX_RESULTS:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
            return _copied(self._results[key])

        return encode_once


def _frozen(value: Any) -> Hashable:
    """Return a key that is equal for equal values. Raises `TypeError` for a value that has none."""
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return tuple((name, _frozen(each)) for name, each in value.items())
    if value is None or isinstance(value, str | int | float | torch.device | torch.dtype):
        return value
    raise TypeError(type(value).__name__)


def _copied(result: Any) -> Any:
    """Copy the tensors, which a pipeline may change in place."""
    if isinstance(result, Tensor):
        return result.clone()
    return type(result)(map(_copied, result)) if isinstance(result, list | tuple) else result
