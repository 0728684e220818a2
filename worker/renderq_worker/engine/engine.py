"""Engine: one thread that advances images step by step, several per forward pass."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import structlog
import torch

from renderq.contract import Exactness
from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import DeviceLost, DeviceMemory
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.batch_limits import BatchLimits
from renderq_worker.engine.batch_size import BatchSizeTuner
from renderq_worker.engine.error_mapping import failure_from
from renderq_worker.engine.events import (
    Canceled,
    Decoding,
    Encoding,
    Failed,
    Loading,
    Rendered,
    RenderStats,
    Stepped,
    Warned,
)
from renderq_worker.engine.failure import Failure
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.families import Family, load_family, placement_of
from renderq_worker.engine.generation import Generation, GenerationSpec, Stage
from renderq_worker.engine.health import EngineHealth, OperationTimer
from renderq_worker.engine.loras import denoiser_weights
from renderq_worker.engine.mailbox import Listener, Mailbox
from renderq_worker.engine.oom_fallbacks import FALLBACK_BY_KIND
from renderq_worker.engine.operation import Operation, OperationListener
from renderq_worker.engine.plan import StepPlan, StepResult
from renderq_worker.engine.preview import Previewer
from renderq_worker.engine.prompt_warnings import prompt_warnings
from renderq_worker.engine.runner import Runner
from renderq_worker.engine.scheduler import Scheduler
from renderq_worker.engine.settings import EngineSettings
from renderq_worker.models import ModelError, ModelStore, Placement

_SLOW_DISK_BYTES_PER_S = 50e6

_UNSAFE = ("unsafe_content", "the model's safety checker blacked out an image; try another prompt or seed")

log = structlog.get_logger(__name__)


class Engine:
    """Engine thread. Every tick advances the most urgent generations by one operation.

    `start` runs it on a thread of its own; without it, `step` runs one tick at a time. Every generation ends with
    exactly one `Rendered`, `Failed` or `Canceled`, unless the device is lost: then the engine dies without a word about
    its images, so that the process ends, and other workers render them.
    """

    def __init__(
        self, models: ModelStore[Family], batch_sizes: BatchSizeTuner, placement: Placement, settings: EngineSettings
    ) -> None:
        self._settings = settings
        self._placement = placement
        self._device = placement.device
        self._models = models
        self._batch_limits = BatchLimits(models, batch_sizes, settings.batching)
        self._scheduler = Scheduler()
        self._runner = Runner(models, batch_sizes, placement)
        self._mailbox = Mailbox()
        self._previewer = Previewer(models, self._mailbox)
        self._operation_timer = OperationTimer(settings.stall_seconds)
        self._on_slots_freed: list[Callable[[], None]] = []
        self._on_operation: list[OperationListener] = []
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, entries: Iterable[ModelEntry], settings: EngineSettings) -> "Engine":
        """Create an engine for these models of the catalog."""
        placement = placement_of(settings)
        environment = f"{placement.device.name} {settings.dtype} torch {torch.__version__}"
        return cls(
            ModelStore(
                entries,
                partial(load_family, settings=settings, placement=placement),
                size_of=placement.bytes_on_device,
                budget_bytes=placement.budget_bytes,
            ),
            BatchSizeTuner(environment, settings.batch_sizes_file),
            placement,
            settings,
        )

    def submit(self, specs: Sequence[GenerationSpec], listener: Listener) -> None:
        """Start these images; return at once. Thread-safe.

        `listener` is called on the engine thread and must be fast; its exceptions are logged. A spec that cannot be
        rendered ends with `Failed`. Raises `EngineClosed` or `DuplicateGeneration`.
        """
        self._mailbox.submit(specs, listener)

    def cancel(self, generation_ids: Collection[str]) -> None:
        """Cancel these before their next step; ids that are not in flight are ignored. Thread-safe."""
        self._mailbox.cancel(generation_ids)

    def preview(self, generation_ids: Collection[str]) -> None:
        """Request one `Previewed` for each of these after one of their next steps. Thread-safe.

        Ids that are not in flight are ignored, and so are models that cannot make a small image fast.
        """
        self._mailbox.preview(generation_ids)

    def free_slots(self, model: str) -> int:
        """Return how many more generations of this model fit into a batch: its size minus all in flight.

        0 or less means none; further generations may be submitted and wait. A model that is not in memory counts with
        batch size 1. Thread-safe.
        """
        return self._batch_limits.images(model) - self._mailbox.in_flight

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        """Call this on the engine thread whenever `free_slots` may have grown."""
        self._on_slots_freed.append(callback)

    def on_operation(self, listener: OperationListener) -> None:
        """Call this on the engine thread after each operation."""
        self._on_operation.append(listener)

    def in_flight(self) -> int:
        """Return the number of generations that were submitted and have not ended. Thread-safe."""
        return self._mailbox.in_flight

    def is_empty(self) -> bool:
        """Return whether nothing is in flight. Thread-safe."""
        return self._mailbox.in_flight == 0

    def resident_models(self) -> tuple[str, ...]:
        """Return the names of the models in memory, least recently used first. Thread-safe."""
        return self._models.resident

    def resident_loras(self) -> Mapping[str, tuple[str, ...]]:
        """Return the LoRAs in memory by model, least recently used first. Thread-safe."""
        families = {name: self._models.peek(name) for name in self._models.resident}
        return {name: family.resident_loras for name, family in families.items() if family and family.resident_loras}

    def device_memory(self) -> DeviceMemory | None:
        """Return the memory of a device that has its own. Does not wait for computations. Thread-safe."""
        return self._device.memory()

    @property
    def health(self) -> EngineHealth:
        """Current operation, its start and its time budget. Thread-safe."""
        has_died = self._thread is not None and not self._thread.is_alive()
        return self._operation_timer.health(is_alive=not has_died and not self._mailbox.is_closed)

    def start(self) -> None:
        """Run on a thread of its own until `close`."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def step(self) -> bool:
        """Run one tick; return False when there was nothing to do."""
        self._drain_mailbox()
        plan = self._scheduler.plan(self._batch_limits.of, self._models.resident)
        if plan is None:
            return False
        self._emit_started(plan)
        resident = self._models.resident
        with self._operation_timer.measure(plan, self._loading_s(plan)):
            result = self._runner.run(plan, self._scheduler.models, self._previewer.requested(plan))
        evicted = set(resident).difference(self._models.resident)
        self._notify(self._on_operation, Operation.of(result, sorted(evicted)))
        self._scheduler.update(result)
        self._emit_result(result)
        if result.estimates:
            with self._operation_timer.measure(plan):
                self._previewer.make(result)
        return True

    def close(self) -> None:
        """Stop after the current operation; generations in flight end with `Canceled`. Idempotent."""
        self._mailbox.close()
        if self._thread is None:
            self._runner.close()
            self._mailbox.emit_to_all(Canceled)
        elif self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        if self._settings.threads is not None:
            torch.set_num_threads(self._settings.threads)
        self._device.select()
        ending: Callable[[str], Canceled | Failed] | None = Canceled
        try:
            while not self._mailbox.is_closed:
                if not self.step():
                    self._mailbox.wait()
        except BaseException as error:
            if isinstance(error, DeviceLost) or not self._device.responds():
                log.critical("device.lost", device=str(self._device.torch), reason=str(error))
                ending = None
            else:
                log.exception("engine.crashed")
                ending = partial(_failed, failure=failure_from(error))
        finally:
            self._mailbox.close()
            if ending is not None:
                self._runner.close()
                self._mailbox.emit_to_all(ending)

    def _drain_mailbox(self) -> None:
        submissions, cancellations = self._mailbox.drain()
        for spec in submissions:
            self._admit(spec)
        canceled = self._scheduler.cancel(cancellations)
        self._runner.drop(canceled)
        for id in canceled:
            self._mailbox.emit(Canceled(id))
        if canceled:
            self._notify(self._on_slots_freed)

    def _admit(self, spec: GenerationSpec) -> None:
        try:
            entry = self._models.entry(spec.model)
        except ModelError as error:
            self._mailbox.emit(_failed(spec.id, failure_from(error)))
            return
        key = BatchKey(entry.name, entry.revision, spec.width, spec.height, denoiser_weights(spec.loras))
        self._scheduler.add(Generation.from_spec(spec, key))

    def _loading_s(self, plan: StepPlan) -> float:
        """Return the time that a slow disk takes to read the model that is to be loaded, in seconds."""
        if plan.stage is not Stage.LOADING_MODEL:
            return 0.0
        try:
            return self._placement.weight_bytes(self._models.entry(plan.model)) / _SLOW_DISK_BYTES_PER_S
        except ModelError:
            return 0.0  # loading says what is wrong

    def _emit_started(self, plan: StepPlan) -> None:
        """Emit the start of an operation, where it takes long enough to matter."""
        for id in plan.ids:
            match plan.stage:
                case Stage.LOADING_MODEL:
                    self._mailbox.emit(Loading(id, plan.model))
                case Stage.ENCODING:
                    self._mailbox.emit(Encoding(id))
                case Stage.DECODING:
                    self._mailbox.emit(Decoding(id))
                case Stage.DENOISING:
                    pass

    def _emit_result(self, result: StepResult) -> None:
        """Emit failures, warnings, progress and images."""
        plan = result.plan
        for id, failure in result.failures.items():
            self._mailbox.emit(_failed(id, failure))
        for generation in plan.generations:
            id = generation.spec.id
            for kind in result.fallbacks:
                self._mailbox.emit(Warned(id, kind, FALLBACK_BY_KIND[kind].message))
            if id not in result.advanced:
                continue
            if plan.stage is Stage.DENOISING:
                self._mailbox.emit(Stepped(id, generation.step, generation.model_calls))
            if plan.stage is Stage.ENCODING and result.encoded is not None:
                for code, message in prompt_warnings(generation.spec, self._models.entry(plan.model)):
                    self._mailbox.emit(Warned(id, code, message))
            if result.is_flagged:
                self._mailbox.emit(Warned(id, *_UNSAFE))
            if result.pixels is not None:
                self._mailbox.emit(Rendered(id, result.pixels, self._stats(generation)))
        self._notify(self._on_slots_freed)

    def _stats(self, generation: Generation) -> RenderStats:
        family = self._models.get(generation.spec.model)
        return RenderStats(
            load_ms=generation.load_seconds * 1000,
            inference_ms=generation.inference_seconds * 1000,
            batch_width_mean=generation.batch_width_mean,
            peak_memory_bytes=generation.peak_bytes,
            device=family.device,
            dtype=family.dtype,
            exactness=self._exactness(generation),
            model_revision=family.revision,
        )

    def _exactness(self, generation: Generation) -> Exactness:
        is_shared = generation.batch_width_mean > 1 and self._settings.batching == "fast"
        return "loose" if is_shared or FallbackKind.TILES in generation.fallbacks else "stock"

    def _notify(self, callbacks: Iterable[Callable[..., None]], *arguments: object) -> None:
        for callback in callbacks:
            try:
                callback(*arguments)
            except Exception:
                log.exception("callback.failed")


def _failed(id: str, failure: Failure) -> Failed:
    return Failed(id, failure.code, failure.message, failure.retryable)
