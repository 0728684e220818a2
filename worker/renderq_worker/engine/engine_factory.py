"""Factory of the engine that the worker's settings name."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from renderq_shared.catalog import ModelEntry
from renderq_shared.errors import CatalogInvalid
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine.protocol import EngineProtocol
from renderq_worker.engine.settings import EngineSettings
from renderq_worker.engine.simulated import SimulatedEngine, simulated_step_s
from renderq_worker.errors import DeviceUnusable
from renderq_worker.libraries import check_libraries

if TYPE_CHECKING:
    from renderq_worker.models import Placement

log = structlog.get_logger(__name__)

_BATCH_SIZES_FILE = "batch_sizes.json"


def create_engine(settings: WorkerSettings, entries: Sequence[ModelEntry]) -> EngineProtocol:
    """Return the engine, not started and without loaded models.

    Raises `DeviceUnusable`, `LibrariesUnfit`, or `CatalogInvalid` for models that cannot be loaded.
    """
    try:
        step_s = simulated_step_s(settings.device)
    except ValueError as error:
        raise DeviceUnusable(str(error)) from error
    if step_s is not None:
        return SimulatedEngine(entries, step_s, settings.stall_seconds)
    return _real_engine(settings, entries)


def device_name(settings: WorkerSettings) -> str:
    """Return the device's name for the list of workers, `auto` resolved. `create_engine` must accept the settings."""
    if simulated_step_s(settings.device) is not None:
        return settings.device
    from renderq_worker.devices import resolve_device

    return str(resolve_device(settings.device))


def create_placement(settings: WorkerSettings) -> "Placement":
    """Return the placement of models that a worker with these settings would use. Raises `DeviceUnusable`."""
    from renderq_worker.engine.families import placement_of

    with _device_errors(settings.device):
        return placement_of(_engine_settings(settings))


def _real_engine(settings: WorkerSettings, entries: Sequence[ModelEntry]) -> EngineProtocol:
    check_libraries()
    _check_models(entries)
    from renderq_worker.engine.engine import Engine  # imports torch

    if settings.device == "auto":
        _warn_of_unused_gpu()
    with _device_errors(settings.device):
        return Engine.of(entries, _engine_settings(settings))


def _check_models(entries: Sequence[ModelEntry]) -> None:
    """Load the models without their weights, which takes up to two seconds each. Raises `CatalogInvalid`."""
    from renderq_worker.models import ModelLoadFailed
    from renderq_worker.models.loading import check_startable, silence_libraries

    silence_libraries()
    problems: list[str] = []
    for entry in entries:
        try:
            check_startable(entry)
        except ModelLoadFailed as error:
            problems.append(str(error))
    if problems:
        raise CatalogInvalid(*problems)


def _warn_of_unused_gpu() -> None:
    from renderq_worker.devices import cuda

    if not cuda.is_available() and (reason := cuda.unused_reason(os.environ)) is not None:
        log.warning("device.gpu_unused", reason=reason, advice="see docs/guides/gpu.md, or set RENDERQ_DEVICE=cpu")


def _engine_settings(settings: WorkerSettings) -> EngineSettings:
    return EngineSettings(
        device=settings.device,
        dtype=settings.dtype,
        batching=settings.batching,
        threads=settings.threads,
        memory_budget_bytes=_bytes(settings.model_memory_gb),
        memory_mode=settings.memory_mode,
        device_memory_bytes=_bytes(settings.device_memory_gb),
        batch_sizes_file=settings.data / _BATCH_SIZES_FILE,
        lora_memory_bytes=int(settings.lora_memory_gb * 1e9),
        stall_seconds=settings.stall_seconds,
    )


@contextmanager
def _device_errors(device: str) -> Generator[None]:
    """Translate torch's errors for an unknown or missing device to `DeviceUnusable`."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceUnusable(f"device {device!r} cannot be used: {reason}; try cpu or auto") from error


def _bytes(gb: float | None) -> int | None:
    return None if gb is None else int(gb * 1e9)
