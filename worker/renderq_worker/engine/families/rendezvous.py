"""Rendezvous of stock calls at their denoiser: each pipeline's call waits there, calls of one kind become one.

A call's answer has the bits that it has alone. With exact batching the first batch of each kind is also computed call
by call; see `batch_invariance`. Where bits differ, linear layers work image by image from then on, and where they still
differ, calls of that kind run in smaller batches or alone.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from renderq_worker.engine.batch_invariance import PROBED_ROWS, BatchInvariance, InvarianceTracker, PerImageLinear
from renderq_worker.engine.families.denoiser_call import ROW_ARGUMENTS, DenoiserCall, join

_ALONE = BatchInvariance()
_UNLIMITED = BatchInvariance(guided_rows=PROBED_ROWS, unguided_rows=PROBED_ROWS)


class Rendezvous:
    """The denoiser of a pipeline, and the joining of the calls that wait for it."""

    def __init__(self, denoiser: Any, *, exact: bool) -> None:
        self._denoiser = denoiser
        self._exact = exact
        self._joins = type(denoiser).__name__ in ROW_ARGUMENTS
        self._linears = PerImageLinear(denoiser, exact=exact)
        self._has_per_image_linears = False
        self._returns_list = False
        self._tracker = InvarianceTracker(_UNLIMITED if self._joins else _ALONE)

    @property
    def invariance_checks(self) -> int:
        return self._tracker.count

    def find_layers(self) -> None:
        """Look for the layers of the denoiser again, after those of LoRAs were added or removed."""
        self._linears.find_layers()

    def invariance_for(self, kind: str, loras: tuple[str, ...] = ()) -> BatchInvariance:
        """Return the batch invariance of this kind of calls with these LoRAs active."""
        return self._tracker.invariance_for((kind, loras))

    def substitute(self, park: Callable[[DenoiserCall], Any]) -> Any:
        """Return a copy of the denoiser with the same weights, whose calls wait in `park` for their answer."""
        substitute = copy.copy(self._denoiser)

        def forward(*args: Any, **kwargs: Any) -> Any:
            return park(DenoiserCall.bind(self._denoiser, args, kwargs))

        substitute.forward = forward
        return substitute

    def batches(self, calls: Sequence[DenoiserCall], loras: tuple[str, ...] = ()) -> Iterator[list[int]]:
        """Yield the indices of the calls that share a forward pass, with these LoRAs active."""
        kinds: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            kinds.setdefault(call.kind, []).append(index)
        for kind, indices in kinds.items():
            rows = calls[indices[0]].rows
            width = max(1, self.invariance_for(kind, loras).max_rows(rows) // rows) if self._exact else len(indices)
            for first in range(0, len(indices), width):
                yield indices[first : first + width]

    def answer(self, calls: Sequence[DenoiserCall], loras: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """Compute these calls of one kind in one forward pass; return for each what it returns alone."""
        if self._exact:
            answers = self._tracker.predict_checked(
                (calls[0].kind, loras),
                [call.rows for call in calls],
                lambda indices: self._forward([calls[index] for index in indices]),
            )
            self._use_per_image_linears_if_narrowed(calls[0].kind, loras)
        else:
            answers = self._forward(calls)
        return tuple((list(answer.unbind()) if self._returns_list else answer,) for answer in answers)

    def _forward(self, calls: Sequence[DenoiserCall]) -> tuple[Tensor, ...]:
        """Run the denoiser; return the rows of each call."""
        rows, autocast = [call.rows for call in calls], calls[0].autocast_dtype
        with (
            self._linears.batch_of(rows),
            nullcontext() if autocast is None else torch.autocast(self._denoiser.device.type, autocast),
        ):
            output = self._denoiser.forward(**join(calls))[0]
        self._returns_list = isinstance(output, list)
        return (torch.stack(output) if self._returns_list else output).split(rows)

    def _use_per_image_linears_if_narrowed(self, kind: str, loras: tuple[str, ...]) -> None:
        if not self._has_per_image_linears and self._joins and self.invariance_for(kind, loras) != _UNLIMITED:
            self._has_per_image_linears = True
            self._linears.set_enabled(on=True)
            self._tracker.restart()
