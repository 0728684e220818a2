"""State of a worker, read for each scrape from the memory of its process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class WorkerGauges:
    """Values at one moment."""

    slots_used: int
    is_draining: bool
    resident_models: tuple[str, ...]
    memory_used_bytes: int | None
    """On the device; `None` for one without memory of its own."""
    memory_total_bytes: int | None


class WorkerState(Collector):
    """Gauges of one worker."""

    def __init__(
        self, worker: str, version: str, device: str, dtype: str, slots: int, read: Callable[[], WorkerGauges]
    ) -> None:
        """`read` is quick, and is called on the thread of a scrape."""
        self._worker = worker
        self._info = (worker, version, device, dtype)
        self._device = device
        self._slots = slots
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge per value."""
        gauges, worker = self._read(), [self._worker]
        info = GaugeMetricFamily(
            "renderq_worker_info", "1; what the worker is.", labels=["worker", "version", "device", "dtype"]
        )
        info.add_metric(self._info, 1)
        yield info
        for name, documentation, value in (
            ("slots_used", "Jobs that the worker holds.", gauges.slots_used),
            ("slots_max", "Most jobs that the worker holds at once.", self._slots),
            (
                "draining",
                "1 while the worker claims no more jobs and ends its own.",
                gauges.is_draining,
            ),
        ):
            gauge = GaugeMetricFamily(f"renderq_worker_{name}", documentation, labels=["worker"])
            gauge.add_metric(worker, value)
            yield gauge
        resident = GaugeMetricFamily(
            "renderq_models_resident", "1 for each model in the worker's memory.", labels=["worker", "model"]
        )
        for model in gauges.resident_models:
            resident.add_metric([self._worker, model], 1)
        yield resident
        for name, documentation, value in (
            ("used", "Memory on the device that the worker holds.", gauges.memory_used_bytes),
            ("total", "Memory on the device that the worker may hold.", gauges.memory_total_bytes),
        ):
            memory = GaugeMetricFamily(f"renderq_device_memory_{name}_bytes", documentation, labels=["device"])
            if value is not None:
                memory.add_metric([self._device], value)
            yield memory
