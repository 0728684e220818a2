"""Metrics of the engine's operations."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from renderq_shared.metrics import CALL_BUCKETS

_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)


class EngineMetrics:
    """Counters and histograms that `record_…` updates, on the engine's thread."""

    def __init__(self, registry: CollectorRegistry, device: str) -> None:
        self._device = device

        def counter(name: str, documentation: str, *labels: str) -> Counter:
            return Counter(f"renderq_{name}", documentation, labels, registry=registry)

        self._images = counter("images", "Rendered images.", "model")
        self._steps = counter("steps", "Steps of images: a forward pass of four images is four.", "model")
        self._loads = counter("model_loads", "Models loaded into memory.", "model")
        self._evictions = counter("model_evictions", "Models removed from memory.", "model")
        self._out_of_memory = counter("oom", "Operations that ran out of memory.", "device", "kind")
        self._fallbacks = counter("fallbacks", "Fallbacks after running out of memory.", "device", "kind")
        self._step_seconds = Histogram(
            "renderq_step_seconds",
            "Duration of forward passes with their scheduler steps.",
            ("model",),
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._widths = Histogram(
            "renderq_batch_width", "Images per forward pass.", ("model",), buckets=_WIDTHS, registry=registry
        )
        peak = Gauge(
            "renderq_device_memory_peak_bytes",
            "Most memory on the device that an operation took since the start of the worker.",
            ("device",),
            registry=registry,
        )
        self._peak = peak.labels(device)
        self._peak_bytes = 0

    def record_step(self, model: str, images: int, seconds: float) -> None:
        """Count a forward pass."""
        self._steps.labels(model).inc(images)
        self._step_seconds.labels(model).observe(seconds)
        self._widths.labels(model).observe(images)

    def record_image(self, model: str) -> None:
        self._images.labels(model).inc()

    def record_load(self, model: str) -> None:
        self._loads.labels(model).inc()

    def record_eviction(self, model: str) -> None:
        self._evictions.labels(model).inc()

    def record_out_of_memory(self, stage: str) -> None:
        """Count an operation that ran out of memory, by its stage."""
        self._out_of_memory.labels(self._device, stage).inc()

    def record_fallback(self, kind: str) -> None:
        self._fallbacks.labels(self._device, kind).inc()

    def record_peak(self, peak_bytes: int) -> None:
        """Note the memory that an operation took."""
        self._peak_bytes = max(self._peak_bytes, peak_bytes)
        self._peak.set(self._peak_bytes)
