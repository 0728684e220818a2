"""Drives a real engine tick by tick and remembers what it told."""

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
    """An engine without a thread. `inject_fault` gets each pipeline after it was loaded, to attach faults to it."""

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
        chosen = EngineSettings(**{"device": "cpu", "batching": batching} | settings)
        self.entries = {entry.name: entry for entry in entries}
        self.batch_sizes = BatchSizeTuner("test", batch_sizes_file)
        self.placement = placement_of(chosen)
        known = partial(load_family, settings=chosen, placement=self.placement)
        load = known if inject_fault is None else partial(_load_with_fault, inject_fault)
        self.models: ModelStore[Family] = ModelStore(
            self.entries.values(), load, size_of=lambda _: 1000, budget_bytes=budget_bytes
        )
        self.wide_batches = list(self.entries.values()) if wide_batches else []
        self.shape = shape
        self.engine = Engine(self.models, self.batch_sizes, self.placement, chosen)
        self.events: list[Event] = []

    def assume_wide_batches_pay(self, entry: ModelEntry, width: int = 64, height: int = 64) -> None:
        """As if wide batches had been measured to pay: 16 rows. Forgotten as soon as real measurements come."""
        key = BatchKey(entry.name, entry.revision, width, height)
        for rung, cost in ((2, 1000.0), (4, 100.0), (8, 10.0)):
            for _ in range(9):
                self.batch_sizes.record(key, rung, rung * cost)

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
        [ending] = [event for event in self.events_of(id) if isinstance(event, Rendered | Failed | Canceled)]
        return ending

    def rendered(self, id: str) -> Rendered:
        ending = self.final_event(id)
        assert isinstance(ending, Rendered), ending
        return ending

    def failed(self, id: str) -> Failed:
        ending = self.final_event(id)
        assert isinstance(ending, Failed), ending
        return ending

    def pixels(self, id: str) -> np.ndarray:
        return self.rendered(id).pixels

    def stats(self, id: str) -> RenderStats:
        return self.rendered(id).stats


def spec(number: int = 0, **changes: object) -> GenerationSpec:
    """Image `number`; `changes` may name any field of it, sampling fields included."""
    return with_changes(replace(SPEC, id=f"job/{number}", seed=7 + number), **changes)


def with_changes(spec: GenerationSpec, **changes: object) -> GenerationSpec:
    """Replace fields of a spec, sampling fields included."""
    sampling = {name: changes.pop(name) for name in SamplingParams.model_fields if name in changes}
    return replace(spec, sampling=spec.sampling.model_copy(update=sampling), **changes)  # type: ignore[arg-type]


def render_alone(entry: ModelEntry, wanted: GenerationSpec) -> np.ndarray:
    """The picture of an engine that does nothing else."""
    harness = _harness_of(entry)
    harness.events.clear()
    harness.submit(wanted)
    harness.finish()
    return harness.pixels(wanted.id)


def loaded_family(entry: ModelEntry) -> Family:
    """The model itself, once `alone` has used it."""
    return _harness_of(entry).models.get(entry.name)


@cache
def _harness_of(entry: ModelEntry) -> EngineHarness:
    return EngineHarness([entry])


def random_image(width: int = 64, height: int = 64, seed: int = 0) -> Pixels:
    """Coarse blocks of random colors, so that no two places look the same."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(blocks).resize((width, height), Image.Resampling.BILINEAR))


def _load_with_fault(inject_fault: FaultInjector, entry: ModelEntry) -> Family:
    pipeline = load_pipeline(entry, torch.device("cpu"), torch.float32)
    family = StableDiffusion(pipeline, entry.revision, exact=False)
    inject_fault(pipeline)
    return family
