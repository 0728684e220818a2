"""Harness that drives a real engine tick by tick and records its events."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from renderq.contract import SamplingParams
from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import (
    Canceled,
    Engine,
    EngineSettings,
    Event,
    Failed,
    GenerationSpec,
    Pixels,
    Rendered,
    RenderStats,
    Txt2Img,
    Warned,
)
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.batch_size import BatchSizeTuner
from renderq_worker.engine.families import Family, StableDiffusion, load_family, placement_of
from renderq_worker.models import ModelStore
from renderq_worker.models.loading import load_pipeline

SPEC = GenerationSpec(
    id="job/0",
    model="tiny",
    prompt="a lighthouse",
    negative_prompt="blurry",
    width=64,
    height=64,
    sampling=SamplingParams(steps=4, guidance_scale=5.0, scheduler="ddim"),
    seed=7,
    task=Txt2Img(),
)

FaultInjector = Callable[[StableDiffusionPipeline], None]


class EngineHarness:
    """An engine without a thread. `inject_fault` receives each pipeline after loading."""

    def __init__(
        self,
        entries: Iterable[ModelEntry],
        *,
        batching: str = "exact",
        wide_batches: bool = True,
        inject_fault: FaultInjector | None = None,
        budget_bytes: int = 10**9,
        shape: tuple[int, int] = (64, 64),
        batch_sizes_file: Path | None = None,
        **settings: Any,
    ) -> None:
        """`settings`: further fields of `EngineSettings`."""
        engine_settings = EngineSettings(**{"device": "cpu", "batching": batching} | settings)
        self.entries = {entry.name: entry for entry in entries}
        self.batch_sizes = BatchSizeTuner("test", batch_sizes_file)
        self.placement = placement_of(engine_settings)
        load_real = partial(load_family, settings=engine_settings, placement=self.placement)
        load = load_real if inject_fault is None else partial(_load_with_fault, inject_fault)
        self.models: ModelStore[Family] = ModelStore(
            self.entries.values(), load, size_of=lambda _: 1000, budget_bytes=budget_bytes
        )
        self.wide_batches = list(self.entries.values()) if wide_batches else []
        self.shape = shape
        self.engine = Engine(self.models, self.batch_sizes, self.placement, engine_settings)
        self.events: list[Event] = []

    def assume_wide_batches_pay(self, entry: ModelEntry, width: int = 64, height: int = 64) -> None:
        """Record measurements by which 16 rows pay off; real measurements replace them."""
        key = BatchKey(entry.name, entry.revision, width, height)
        for rows, cost in ((2, 1000.0), (4, 100.0), (8, 10.0)):
            for _ in range(9):
                self.batch_sizes.record(key, rows, rows * cost)

    def submit(self, *specs: GenerationSpec) -> None:
        self.engine.submit(specs, self.events.append)

    def step(self) -> bool:
        for entry in self.wide_batches:
            self.assume_wide_batches_pay(entry, *self.shape)
        return self.engine.step()

    def tick(self, times: int) -> None:
        for _ in range(times):
            assert self.step()

    def finish(self) -> None:
        while self.step():
            pass
        assert self.engine.is_empty()

    def events_of(self, id: str) -> list[Event]:
        return [event for event in self.events if event.generation_id == id]

    def final_event(self, id: str) -> Rendered | Failed | Canceled:
        [final] = [event for event in self.events_of(id) if isinstance(event, Rendered | Failed | Canceled)]
        return final

    def rendered(self, id: str) -> Rendered:
        final = self.final_event(id)
        assert isinstance(final, Rendered), final
        return final

    def failed(self, id: str) -> Failed:
        final = self.final_event(id)
        assert isinstance(final, Failed), final
        return final

    def pixels(self, id: str) -> np.ndarray:
        return self.rendered(id).pixels

    def stats(self, id: str) -> RenderStats:
        return self.rendered(id).stats


def warnings(harness: EngineHarness, id: str = "job/0") -> list[str]:
    return list(dict.fromkeys(event.code for event in harness.events_of(id) if isinstance(event, Warned)))


def spec(number: int = 0, **changes: object) -> GenerationSpec:
    """Return the spec of image `number`; `changes` may name any field, sampling fields included."""
    return with_changes(replace(SPEC, id=f"job/{number}", seed=7 + number), **changes)


def with_changes(spec: GenerationSpec, **changes: object) -> GenerationSpec:
    """Replace fields of a spec, sampling fields included."""
    sampling = {name: changes.pop(name) for name in SamplingParams.model_fields if name in changes}
    return replace(spec, sampling=spec.sampling.model_copy(update=sampling), **changes)  # type: ignore[arg-type]


def render_alone(entry: ModelEntry, request: GenerationSpec) -> np.ndarray:
    """Render an image in an engine that does nothing else."""
    harness = _harness_of(entry)
    harness.events.clear()
    harness.submit(request)
    harness.finish()
    return harness.pixels(request.id)


def loaded_family(entry: ModelEntry) -> Family:
    """Return the model that `render_alone` has loaded."""
    return _harness_of(entry).models.get(entry.name)


@cache
def _harness_of(entry: ModelEntry) -> EngineHarness:
    return EngineHarness([entry])


def random_image(width: int = 64, height: int = 64, seed: int = 0) -> Pixels:
    """Return coarse blocks of random colors, so that no two places look alike."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(blocks).resize((width, height), Image.Resampling.BILINEAR))


def _load_with_fault(inject_fault: FaultInjector, entry: ModelEntry) -> Family:
    pipeline = load_pipeline(entry, torch.device("cpu"), torch.float32)
    family = StableDiffusion(pipeline, entry.revision, exact=False)
    inject_fault(pipeline)
    return family
