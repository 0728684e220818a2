"""What is wrong with a model of the catalog, told before a job meets it. Loads nothing, asks no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from renderq_shared.catalog import FileEntry, describe_entry
from renderq_shared.errors import CatalogInvalid
from renderq_shared.settings import WorkerSettings
from renderq_worker.devices import open_device, resolve_device
from renderq_worker.models import ModelLoadFailed, parameters, resolve_dtype

DTYPES = (torch.float32, torch.float16)
"""Number formats whose memory is told; bfloat16 takes as much as float16."""


@dataclass(frozen=True, slots=True)
class Finding:
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


def check(name: str, said: FileEntry, path: Path | None, settings: WorkerSettings) -> Finding:
    """Look at its files, what they say, and whether it fits into this machine's memory."""
    try:
        entry = describe_entry(name, said, path)
        total = sum(parameters(entry).values())
        dtype = resolve_dtype(entry, settings.dtype, resolve_device(settings.device))
    except (CatalogInvalid, ModelLoadFailed) as error:
        return Finding(name, str(error))
    return Finding(
        name,
        _shortage(name, total * dtype.itemsize, settings),
        entry.source,
        entry.revision,
        entry.family,
        entry.tasks,
        total,
        _name(dtype),
        {_name(dtype): total * dtype.itemsize for dtype in DTYPES},
    )


def _shortage(name: str, needed: int, settings: WorkerSettings) -> str | None:
    device = resolve_device(settings.device)
    there = open_device(settings.device).free_bytes() if settings.memory_gb is None else int(settings.memory_gb * 1e9)
    if needed <= there:
        return None
    return (
        f"model {name!r}: its weights need {needed / 1e9:.1f} GB and there are {there / 1e9:.1f} GB on {device}; "
        "choose a smaller dtype, or a machine with more memory"
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
