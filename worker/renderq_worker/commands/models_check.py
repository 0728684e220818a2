"""Checks a model of the catalog before a job uses it. Loads no weights and uses no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from renderq.cli.formatting import gigabytes
from renderq_shared.catalog import ModelConfig, ModelEntry, resolve_entry_with_additions
from renderq_shared.errors import CatalogInvalid
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine import create_placement
from renderq_worker.errors import DeviceUnusable
from renderq_worker.models import ModelLoadFailed, Placement, dtype_name, parameter_counts
from renderq_worker.models.loading import rehearse, silence_libraries
from renderq_worker.models.memory_estimate import MemoryEstimate, estimate_memory

DTYPES = (torch.float32, torch.float16)
"""Dtypes for which memory is reported; bfloat16 takes as much as float16."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Report on one model; `family` is empty if its files could not be inspected."""

    model: str
    problem: str | None
    """What is wrong and what to do; `None` for a model that can be served."""
    source: str = ""
    revision: str = ""
    family: str = ""
    tasks: tuple[str, ...] = ()
    parameters: int = 0
    dtype: str = ""
    """Dtype in which it runs on this machine."""
    needed_bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Dtype → bytes of the weights."""
    activation_bytes: int | None = None
    """Peak bytes in addition to the weights for an image of the default size; `None` if it cannot be estimated."""
    memory_mode: str = ""
    """Memory mode in which it runs on this machine."""


def check_model(name: str, config: ModelConfig, path: Path | None, settings: WorkerSettings) -> ModelReport:
    """Check the model's files and configuration, and whether it fits into this machine's memory."""
    try:
        entry = resolve_entry_with_additions(name, config, path)
        silence_libraries()
        rehearse(entry)
        total = sum(parameter_counts(entry).values())
        placement = create_placement(settings)
        dtype = placement.dtype_of(entry)
        estimate = estimate_memory(entry, dtype)
        shortage = _shortage(entry, estimate, placement)
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
        dtype_name(dtype),
        {dtype_name(dtype): total * dtype.itemsize for dtype in DTYPES},
        estimate.default_size,
        placement.mode_of(entry),
    )


def _shortage(entry: ModelEntry, estimate: MemoryEstimate, placement: Placement) -> str | None:
    """Apply the rules of loading, and check that an image of the default size fits in addition to the weights."""
    weights, budget = placement.bytes_on_device(entry), placement.budget_bytes
    if weights > budget:
        return (
            f"model {entry.name!r}: its weights need {gigabytes(weights)}, but {placement.device.torch} has "
            f"{gigabytes(budget)}; choose a smaller dtype, or a machine with more memory"
        )
    free = placement.device.free_bytes()
    if estimate.default_size is None or weights + estimate.default_size <= free:
        return None
    return (
        f"model {entry.name!r}: its weights need {gigabytes(weights)} and an image of {entry.defaults.width}×"
        f"{entry.defaults.height} pixels {gigabytes(estimate.default_size)}, but {placement.device.torch} has "
        f"{gigabytes(free)}; choose a smaller dtype or smaller images, or a machine with more memory"
    )
