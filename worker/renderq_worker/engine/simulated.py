"""Engine without a model: waits and renders one color, to measure the cost of everything around the model.

`RENDERQ_DEVICE=simulated` steps without delay; `simulated:20` takes 20 ms per step of up to 16 images. Jobs, leases,
cancellation, progress, files and storage are real; only the images are not.
"""

import hashlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine.events import (
    Canceled,
    Decoding,
    Encoding,
    Event,
    Loading,
    Previewed,
    Rendered,
    RenderStats,
    Stepped,
)
from renderq_worker.engine.generation import GenerationSpec, Stage
from renderq_worker.engine.health import EngineHealth
from renderq_worker.engine.mailbox import Mailbox
from renderq_worker.engine.operation import Operation, OperationListener

BATCH_SIZE = 16
"""Images per step."""

_NAME = "simulated"


def simulated_step_s(device: str) -> float | None:
    """Return the seconds per step, or None for a real device. Raises `ValueError` for `simulated:nonsense`."""
    name, _, step_ms = device.partition(":")
    if name != _NAME:
        return None
    try:
        return float(step_ms or 0) / 1000
    except ValueError as error:
        raise ValueError(f"device {device!r}: expected a number of milliseconds after `simulated:`") from error


@dataclass(slots=True)
class _Image:
    spec: GenerationSpec
    step: int = 0
    batch_width_total: int = 0
    """Sum of the batch widths of its steps."""


class SimulatedEngine:
    """See `EngineProtocol`."""

    def __init__(self, entries: Iterable[ModelEntry], step_s: float, stall_s: float) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._step_s = step_s
        self._stall_s = stall_s
        self._resident: tuple[str, ...] = ()
        self._images: dict[str, _Image] = {}
        self._mailbox = Mailbox()
        self._on_slots_freed: list[Callable[[], None]] = []
        self._on_operation: list[OperationListener] = []
        self._step_started: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def submit(self, specs: Sequence[GenerationSpec], listener: Callable[[Event], None]) -> None:
        self._mailbox.submit(specs, listener)

    def cancel(self, generation_ids: Collection[str]) -> None:
        self._mailbox.cancel(generation_ids)

    def preview(self, generation_ids: Collection[str]) -> None:
        self._mailbox.preview(generation_ids)

    def free_slots(self, model: str) -> int:
        return BATCH_SIZE - self._mailbox.in_flight

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        self._on_slots_freed.append(callback)

    def on_operation(self, listener: OperationListener) -> None:
        self._on_operation.append(listener)

    def is_empty(self) -> bool:
        return self._mailbox.in_flight == 0

    def resident_models(self) -> tuple[str, ...]:
        return self._resident

    def resident_loras(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    def device_memory(self) -> None:
        return None

    @property
    def health(self) -> EngineHealth:
        started = self._step_started
        is_alive = self._thread.is_alive() and not self._mailbox.is_closed
        if started is None:
            return EngineHealth(is_alive, None, time.monotonic(), math.inf)
        return EngineHealth(is_alive, Stage.DENOISING, started, self._stall_s)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._mailbox.close()
        self._closing.set()
        self._thread.join()

    def render_stub(self, spec: GenerationSpec) -> npt.NDArray[np.uint8]:
        """Return an image of one color, derived from prompt and seed."""
        color = hashlib.sha256(f"{spec.prompt}\0{spec.seed}".encode()).digest()[:3]
        return np.full((spec.height, spec.width, 3), list(color), np.uint8)

    def _run(self) -> None:
        while not self._mailbox.is_closed:
            self._drain_mailbox()
            if self._images:
                self._step()
            else:
                self._mailbox.wait()
        self._mailbox.emit_to_all(Canceled)

    def _drain_mailbox(self) -> None:
        submissions, cancellations = self._mailbox.drain()
        for spec in submissions:
            self._images[spec.id] = _Image(spec)
        for id in cancellations:
            if self._images.pop(id, None) is not None:
                self._mailbox.emit(Canceled(id))
        if cancellations:
            self._notify_slots_freed()

    def _step(self) -> None:
        batch = list(self._images.values())[:BATCH_SIZE]
        for image in batch:
            if image.step == 0:
                self._emit_started(image.spec)
        self._step_started = time.monotonic()
        self._closing.wait(self._step_s)
        self._step_started = None
        self._report_steps(batch)
        for image in batch:
            image.step += 1
            image.batch_width_total += len(batch)
            self._mailbox.emit(Stepped(image.spec.id, image.step, image.spec.model_calls))
            self._preview(image)
            if image.step == image.spec.model_calls:
                self._decode(image)
        self._notify_slots_freed()

    def _report_steps(self, batch: Collection[_Image]) -> None:
        for model, images in Counter(image.spec.model for image in batch).items():
            self._report(Operation(Stage.DENOISING, model, images, self._step_s))

    def _report(self, operation: Operation) -> None:
        for listener in self._on_operation:
            listener(operation)

    def _emit_started(self, spec: GenerationSpec) -> None:
        if spec.model not in self._resident:
            self._mailbox.emit(Loading(spec.id, spec.model))
            self._resident = (*self._resident, spec.model)
            self._report(Operation(Stage.LOADING_MODEL, spec.model, 1, 0.0))
        self._mailbox.emit(Encoding(spec.id))

    def _preview(self, image: _Image) -> None:
        spec = image.spec
        if self._mailbox.pending_previews([spec.id]):
            self._mailbox.discard_preview_request(spec.id)
            thumbnail = self.render_stub(replace(spec, width=spec.width // 8, height=spec.height // 8))
            self._mailbox.emit(Previewed(spec.id, image.step, spec.model_calls, thumbnail))

    def _decode(self, image: _Image) -> None:
        spec = image.spec
        del self._images[spec.id]
        self._mailbox.emit(Decoding(spec.id))
        self._report(Operation(Stage.DECODING, spec.model, 1, 0.0))
        stats = RenderStats(
            load_ms=0.0,
            inference_ms=spec.model_calls * self._step_s * 1000,
            batch_width_mean=image.batch_width_total / spec.model_calls,
            peak_memory_bytes=None,
            device=_NAME,
            dtype="uint8",
            exactness="stock",
            model_revision=self._entries[spec.model].revision,
        )
        self._mailbox.emit(Rendered(spec.id, self.render_stub(spec), stats))

    def _notify_slots_freed(self) -> None:
        for callback in self._on_slots_freed:
            callback()
