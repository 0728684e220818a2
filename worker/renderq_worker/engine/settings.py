"""What the engine can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from renderq_shared.catalog.entries import Dtype, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Knobs of one engine; the worker's settings map to them one by one."""

    device: str = "auto"
    """`auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:N`."""
    dtype: Dtype = "auto"
    """Number format where the catalog says `auto`."""
    batching: Literal["exact", "fast"] = "exact"
    """`exact`: images share a forward pass only where the probe at load shows that it changes no bit."""
    threads: int | None = None
    """CPU threads of a forward pass; None leaves torch's own choice."""
    memory_budget_bytes: int | None = None
    """Weights that may be on the device at once; None is four fifths of what is free at start."""
    memory_mode: Memory = "auto"
    """See `MemoryMode`; `auto` chooses by model."""
    device_memory_bytes: int | None = None
    """What may be taken of the device; on a CPU, it simulates a card that has no more."""
    batch_sizes_file: Path | None = None
    """Where measured batch widths are kept between runs; None forgets them."""
    stall_seconds: float = 120.0
    """Least time that an operation may take before it counts as stalled."""
