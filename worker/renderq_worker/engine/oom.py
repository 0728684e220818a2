"""Finds memory for an operation that ran out of it, by the ladder, and remembers what it took."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import structlog

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.batch_size import BatchSizeTuner
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.families import Family
from renderq_worker.engine.generation import Generation, Stage
from renderq_worker.engine.oom_fallbacks import FALLBACKS, Fallback
from renderq_worker.engine.plan import StepPlan
from renderq_worker.engine.tasks.types import Txt2Img
from renderq_worker.models import ModelStore, Placement

_log = structlog.get_logger(__name__)


class OutOfMemoryHandler:
    """Each rung changes something for good, so that an operation is tried again only so often."""

    def __init__(self, models: ModelStore[Family], batch_sizes: BatchSizeTuner, placement: Placement) -> None:
        self._models = models
        self._batch_sizes = batch_sizes
        self._placement = placement
        self._takes: Mapping[FallbackKind, Callable[[StepPlan, Collection[str], int], bool]] = {
            FallbackKind.EVICTION: self._evict,
            FallbackKind.NARROWER_BATCH: self._narrow,
            FallbackKind.TILES: self._tile,
            FallbackKind.OFFLOAD: self._offload,
        }

    def next_fallback(self, plan: StepPlan, in_use: Collection[str], rows: int) -> FallbackKind | None:
        """Take the first rung that makes a difference; None when there is none left. `rows` are those of the batch."""
        for fallback in FALLBACKS:
            if plan.stage in fallback.stages and self._takes[fallback.kind](plan, in_use, rows):
                self._remember(fallback, plan)
                _log.warning("memory_short", model=plan.model, stage=plan.stage, fallback=fallback.kind)
                return fallback.kind
        return None

    def is_tiled(self, generation: Generation) -> bool:
        """Whether the autoencoder works in tiles for this image."""
        family, spec = self._models.get(generation.spec.model), generation.spec
        if family.tile_sample_size is None or (isinstance(spec.task, Txt2Img) and not generation.is_encoded):
            return False
        if FallbackKind.TILES in self._batch_sizes.fallbacks(_shape(generation)):
            return True
        is_large = max(spec.width, spec.height) > family.tile_sample_size
        return is_large and self._placement.mode_of(self._models.entry(spec.model)) != "full"

    def apply_known_offload(self, plan: StepPlan) -> bool:
        """Take the weights off the device if one of these images is known to need that; whether they have left."""
        if any(
            FallbackKind.OFFLOAD in self._batch_sizes.fallbacks(_shape(generation)) for generation in plan.generations
        ):
            return self._offload(plan, (), 0)
        return False

    def applied(self, generation: Generation) -> tuple[Fallback, ...]:
        """What was tried for this image, now or before it came."""
        fallbacks = generation.fallbacks | self._batch_sizes.fallbacks(_shape(generation))
        if generation.spec.model in self._models.resident and self.is_tiled(generation):
            fallbacks |= {FallbackKind.TILES}
        return tuple(fallback for fallback in FALLBACKS if fallback.kind in fallbacks)

    def _remember(self, fallback: Fallback, plan: StepPlan) -> None:
        if fallback.is_sticky:
            for generation in plan.generations:
                self._batch_sizes.add_fallback(_shape(generation), fallback.kind)

    def _evict(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        """Idle models, else those that others in flight need; models that wait elsewhere take nothing away."""
        there = [
            name
            for name in self._models.resident
            if name != plan.model and self._placement.mode_of(self._models.entry(name)) != "low"
        ]
        leaving = [name for name in there if name not in in_use] or there
        for name in leaving:
            self._models.evict(name)
        return bool(leaving)

    def _narrow(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        if len(plan.generations) == 1:
            return False
        self._batch_sizes.record_out_of_memory(plan.generations[0].key, rows)
        return True

    def _tile(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        [generation] = plan.generations
        if self._models.get(plan.model).tile_sample_size is None or self.is_tiled(generation):
            return False
        return plan.stage is Stage.DECODING or not isinstance(generation.spec.task, Txt2Img)

    def _offload(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        """The model is loaded again, to elsewhere; what its images own does not refer to it."""
        if not self._placement.enable_offload(self._models.entry(plan.model)):
            return False
        if plan.model in self._models.resident:
            self._models.evict(plan.model)
        return True


def _shape(generation: Generation) -> BatchKey:
    """Without what is known only once the prompts are encoded."""
    return replace(generation.key, token_chunks=1)
