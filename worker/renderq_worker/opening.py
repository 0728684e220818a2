"""From settings to an engine."""

from collections.abc import Sequence

from renderq_shared.catalog import ModelEntry
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine_port import EnginePort
from renderq_worker.errors import DeviceUnusable
from renderq_worker.simulated import SimulatedEngine, simulated_step_s

_CAPACITY_FILE = "capacity.json"


def open_engine(settings: WorkerSettings, entries: Sequence[ModelEntry]) -> EnginePort:
    """The engine that the settings name, not yet started; no model is loaded. Raises `DeviceUnusable`."""
    try:
        step_s = simulated_step_s(settings.device)
    except ValueError as error:
        raise DeviceUnusable(str(error)) from error
    if step_s is not None:
        return SimulatedEngine(entries, step_s, settings.stall_seconds)
    return _real_engine(settings, entries)


def device_name(settings: WorkerSettings) -> str:
    """The device that `auto` stands for here, in the list of workers. For settings that `open_engine` took."""
    if simulated_step_s(settings.device) is not None:
        return settings.device
    from renderq_worker.devices import resolve_device

    return str(resolve_device(settings.device))


def _real_engine(settings: WorkerSettings, entries: Sequence[ModelEntry]) -> EnginePort:
    from renderq_worker.engine import Engine, EngineSettings  # brings torch

    try:
        return Engine.of(
            entries,
            EngineSettings(
                device=settings.device,
                dtype=settings.dtype,
                batching=settings.batching,
                threads=settings.threads,
                memory_budget_bytes=_bytes(settings.memory_gb),
                memory_mode=settings.memory_mode,
                device_memory_bytes=_bytes(settings.device_memory_gb),
                capacity_file=settings.data / _CAPACITY_FILE,
                stall_seconds=settings.stall_seconds,
            ),
        )
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device that it does not know or have
        reason = str(error).splitlines()[0]
        raise DeviceUnusable(f"device {settings.device!r} cannot be used: {reason}; try cpu or auto") from error


def _bytes(gb: float | None) -> int | None:
    return None if gb is None else int(gb * 1e9)
