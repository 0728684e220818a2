"""Out-of-memory handling: applies the fallbacks one by one and remembers the sticky ones."""

from collections.abc import Callable, Collection, Mapping

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

log = structlog.get_logger(__name__)


class OutOfMemoryHandler:
    """Fallbacks of one engine. Each one changes something permanently, so the number of retries is bounded."""

    def __init__(self, models: ModelStore[Family], batch_sizes: BatchSizeTuner, placement: Placement) -> None:
        self._models = models
        self._batch_sizes = batch_sizes
        self._placement = placement
        self._apply_by_kind: Mapping[FallbackKind, Callable[[StepPlan, Collection[str], int], bool]] = {
            FallbackKind.EVICTION: self._evict,
            FallbackKind.NARROWER_BATCH: self._narrow,
            FallbackKind.TILES: self._tile,
            FallbackKind.OFFLOAD: self._offload,
        }

    def next_fallback(
        self, plan: StepPlan, in_use: Collection[str], rows: int, *, in_text_encoder: bool = False
    ) -> FallbackKind | None:
        """Apply the first fallback that makes a difference; None if there is none. `rows` are those of the batch.

        Tiles make no difference to a text encoder.
        """
        for fallback in FALLBACKS:
            if in_text_encoder and fallback.kind is FallbackKind.TILES:
                continue
            if plan.stage in fallback.stages and self._apply_by_kind[fallback.kind](plan, in_use, rows):
                self._remember(fallback, plan)
                log.warning("fallback.applied", model=plan.model, stage=plan.stage, fallback=fallback.kind)
                return fallback.kind
        return None

    def is_tiled(self, generation: Generation) -> bool:
        """Return whether the autoencoder works in tiles for this image."""
        family, spec = self._models.get(generation.spec.model), generation.spec
        if family.tile_sample_size is None or (isinstance(spec.task, Txt2Img) and not generation.is_encoded):
            return False
        if FallbackKind.TILES in self._batch_sizes.fallbacks(_shape(generation)):
            return True
        is_large = max(spec.width, spec.height) > family.tile_sample_size
        return is_large and self._placement.mode_of(self._models.entry(spec.model)) != "full"

    def apply_known_offload(self, plan: StepPlan) -> bool:
        """Offload the model if one of these shapes is known to need it; return whether that changed anything."""
        if any(
            FallbackKind.OFFLOAD in self._batch_sizes.fallbacks(_shape(generation)) for generation in plan.generations
        ):
            return self._offload(plan, (), 0)
        return False

    def applied(self, generation: Generation) -> tuple[Fallback, ...]:
        """Return the fallbacks applied for this image or, earlier, for its shape."""
        fallbacks = generation.fallbacks | self._batch_sizes.fallbacks(_shape(generation))
        if generation.spec.model in self._models.resident and self.is_tiled(generation):
            fallbacks |= {FallbackKind.TILES}
        return tuple(fallback for fallback in FALLBACKS if fallback.kind in fallbacks)

    def _remember(self, fallback: Fallback, plan: StepPlan) -> None:
        if fallback.is_sticky:
            for generation in plan.generations:
                self._batch_sizes.add_fallback(_shape(generation), fallback.kind)

    def _evict(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        """Evict idle models, else those in use. Offloaded models are skipped: they occupy nothing on the device."""
        on_device = [
            name
            for name in self._models.resident
            if name != plan.model and self._placement.mode_of(self._models.entry(name)) != "low"
        ]
        evicted = [name for name in on_device if name not in in_use] or on_device
        for name in evicted:
            self._models.evict(name)
        return bool(evicted)

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
        """Evict the model, so that it is loaded again in offload mode. States of its images do not refer to it."""
        if not self._placement.enable_offload(self._models.entry(plan.model)):
            return False
        if plan.model in self._models.resident:
            self._models.evict(plan.model)
        return True


def _shape(generation: Generation) -> BatchKey:
    return generation.key.until_encoded
