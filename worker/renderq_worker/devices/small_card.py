"""The CPU with as little memory as a small graphics card.

It computes what the CPU computes. Weights that were brought here and the results of operations count against the limit;
what goes beyond it raises what a graphics card raises. Weights that wait elsewhere are where they were, uncounted.
"""

from contextlib import AbstractContextManager

import torch
from torch import nn

from renderq_worker.devices.counting import Ledger, weights


class SmallCard:
    """See `Device`."""

    has_own_memory = True

    def __init__(self, device: torch.device, memory_bytes: int) -> None:
        self.torch = device
        self._memory = memory_bytes
        self._ledger = Ledger(memory_bytes)

    @property
    def name(self) -> str:
        return f"{torch.get_num_threads()} CPU threads, a card of {self._memory} bytes"

    def free_bytes(self) -> int:
        return self._memory - self._ledger.taken

    def take(self, component: nn.Module) -> None:
        component.to(self.torch)
        for tensor in weights(component):
            self._ledger.add(tensor)

    def put_out(self, component: nn.Module) -> None:
        for tensor in weights(component):
            self._ledger.remove(tensor)

    def watched(self) -> AbstractContextManager[object]:
        return self._ledger.counting()

    def start_peak(self) -> None:
        self._ledger.peak = self._ledger.taken

    def peak_bytes(self) -> int | None:
        return self._ledger.peak
