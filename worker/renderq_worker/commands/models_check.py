"""What is wrong with a model of the catalog, told before a job meets it. Loads nothing, asks no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from renderq_shared.catalog import ModelConfig, ModelEntry, resolve_entry
from renderq_shared.errors import CatalogInvalid
from renderq_shared.settings.models import WorkerSettings
from renderq_worker.engine import create_placement
from renderq_worker.errors import DeviceUnusable
from renderq_worker.models import ModelLoadFailed, Placement, parameter_counts
from renderq_worker.models.memory_estimate import MemoryEstimate, estimate_memory

DTYPES = (torch.float32, torch.float16)
"""Number formats whose memory is told; bfloat16 takes as much as float16."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model of the catalog; without a family where its files did not even say that."""

    model: str
    problem: str | None
    """What is wrong and what to do; None for a model that can be served."""
    source: str = ""
    revision: str = ""
    family: str = ""
    tasks: tuple[str, ...] = ()
    parameters: int = 0
    dtype: str = ""
    """What it would run in here."""
    needed_bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Number format → memory for the weights."""
    activation_bytes: int | None = None
    """Memory beside the weights for a picture of the usual size, in that dtype, where it can be computed."""
    memory_mode: str = ""
    """How it would spare memory here."""


def check_model(name: str, config: ModelConfig, path: Path | None, settings: WorkerSettings) -> ModelReport:
    """Look at its files, what they say, and whether it fits into this machine's memory."""
    try:
        entry = resolve_entry(name, config, path)
        total = sum(parameter_counts(entry).values())
        placement = create_placement(settings)
        dtype = placement.dtype_of(entry)
        needs = estimate_memory(entry, dtype)
        shortage = _shortage(entry, needs, placement)
    except (CatalogInvalid, ModelLoadFailed, DeviceUnusable) as error:
        return ModelReport(name, str(error))
    return ModelReport(
        name,
        shortage,
        entry.source,
        entry.revision,
        entry.family,
        entry.tasks,
        total,
        _name(dtype),
        {_name(dtype): total * dtype.itemsize for dtype in DTYPES},
        None if needs.default_size is None else needs.default_size.peak,
        placement.mode_of(entry),
    )


def _shortage(entry: ModelEntry, needs: MemoryEstimate, placement: Placement) -> str | None:
    """By the rules that loading goes by, and whether a picture fits beside the weights."""
    weights, there = placement.bytes_on_device(entry), placement.budget_bytes
    if weights > there:
        return (
            f"model {entry.name!r}: its weights need {_gb(weights)} and there are {_gb(there)} on "
            f"{placement.device.torch}; choose a smaller dtype, or a machine with more memory"
        )
    free = placement.device.free_bytes()
    if needs.default_size is None or weights + needs.default_size.peak <= free:
        return None
    return (
        f"model {entry.name!r}: its weights need {_gb(weights)}, a picture of {entry.defaults.width}×"
        f"{entry.defaults.height} pixels {_gb(needs.default_size.peak)}, and there are {_gb(free)} on "
        f"{placement.device.torch}; choose a smaller dtype or smaller pictures, or a machine with more memory"
    )


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
