"""All metrics of one worker process, and the port from which they are read."""

from collections.abc import Callable

from renderq.version import version
from renderq_shared.jobs import JobStore
from renderq_shared.metrics import (
    CallbackCounter,
    MetricsServer,
    ObjectStoreMetrics,
    ObservedJobStore,
    ObservedObjectStore,
    RedisMetrics,
    new_registry,
    render,
)
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine import Operation, Stage
from renderq_worker.metrics import EngineMetrics, FinishMetrics, WorkerGauges, WorkerState


class WorkerMetrics:
    """Registry of one worker process, and what observes its parts."""

    def __init__(self, settings: WorkerSettings, worker: str, device: str) -> None:
        self._settings = settings
        self._worker = worker
        self._device = device
        self._registry = registry = new_registry()
        self._redis = RedisMetrics(registry)
        self._objects = ObjectStoreMetrics(registry)
        self._engine = EngineMetrics(registry, device)
        self._finishes = FinishMetrics(registry, by_tenant=settings.metrics_tenants == "on")

    def observe_jobs(self, store: JobStore) -> JobStore:
        """Return the job store with this process's observers."""
        return ObservedJobStore(store, (self._redis, self._finishes))

    def observe_objects(self, store: ObjectStore) -> ObjectStore:
        """Return the object store with its calls measured."""
        return ObservedObjectStore(store, self._objects)

    def record_handback(self, model: str) -> None:
        """Count a job that was returned to the queue."""
        self._finishes.record_handback(model)

    def record_operation(self, operation: Operation) -> None:
        """Count an operation of the engine."""
        engine, model = self._engine, operation.model
        if operation.images:
            match operation.stage:
                case Stage.DENOISING:
                    engine.record_step(model, operation.images, operation.seconds)
                case Stage.DECODING:
                    engine.record_image(model)
                case Stage.LOADING_MODEL:
                    engine.record_load(model)
                case Stage.ENCODING:
                    pass
        for evicted in operation.evicted:
            engine.record_eviction(evicted)
        if operation.ran_out_of_memory:
            engine.record_out_of_memory(operation.stage)
        if operation.fallback is not None:
            engine.record_fallback(operation.fallback)
        if operation.peak_bytes is not None:
            engine.record_peak(operation.peak_bytes)

    def add_state(self, read: Callable[[], WorkerGauges], published_wakeups: Callable[[], int]) -> None:
        """Add what is read for each scrape."""
        settings = self._settings
        state = WorkerState(self._worker, version(), self._device, settings.dtype, settings.worker_slots, read)
        self._registry.register(state)
        self._registry.register(
            CallbackCounter("renderq_wakeups_published", "Wake-ups that this process published.", published_wakeups)
        )

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return render(self._registry)

    def serve(self) -> MetricsServer | None:
        """Serve the metrics on their port; `None` if none is set. Raises `MetricsAddressUnavailable`."""
        settings = self._settings
        if settings.metrics_port is None:
            return None
        return MetricsServer(settings.metrics_host, settings.metrics_port, self.render)
