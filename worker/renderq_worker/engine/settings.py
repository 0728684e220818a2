"""Settings of the engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from renderq_shared.catalog.entries import Dtype, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Settings of one engine; the worker's settings map to them one to one."""

    device: str = "auto"
    """`auto` (CUDA if available), `cpu`, `cuda` or `cuda:N`."""
    dtype: Dtype = "auto"
    """Used where the catalog says `auto`."""
    batching: Literal["exact", "fast"] = "exact"
    """`exact`: images share a forward pass only where the measured batch invariance shows that no bit changes."""
    threads: int | None = None
    """CPU threads of a forward pass; None keeps torch's default."""
    memory_budget_bytes: int | None = None
    """Limit of the weights on the device; None is four fifths of the memory free at start."""
    memory_mode: Memory = "auto"
    """See `MemoryMode`; `auto` chooses by model."""
    device_memory_bytes: int | None = None
    """Limit of the device memory; on a CPU, simulates a GPU with this much memory."""
    lora_memory_bytes: int = 10**9
    """Limit of the LoRAs of one model in memory; those of one image may exceed it."""
    batch_sizes_file: Path | None = None
    """File that keeps measured batch sizes between runs; None keeps them in memory only."""
    stall_seconds: float = 120.0
    """Minimum time budget of an operation; beyond its budget it counts as stalled."""
