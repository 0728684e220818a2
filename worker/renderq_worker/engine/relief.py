"""Finds memory for an operation that ran out of it, by the ladder, and remembers what it took."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import structlog

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.capacity import Capacity
from renderq_worker.engine.families import Family
from renderq_worker.engine.generation import Generation, Stage
from renderq_worker.engine.ladder import LADDER, Remedy, Rung
from renderq_worker.engine.plan import StepPlan
from renderq_worker.engine.tasks import Txt2Img
from renderq_worker.models import ModelStore, Placement

_log = structlog.get_logger(__name__)


class Relief:
    """Each rung changes something for good, so that an operation is tried again only so often."""

    def __init__(self, models: ModelStore[Family], capacity: Capacity, placement: Placement) -> None:
        self._models = models
        self._capacity = capacity
        self._placement = placement
        self._takes: Mapping[Rung, Callable[[StepPlan, Collection[str], int], bool]] = {
            Rung.EVICTION: self._evict,
            Rung.NARROWER_BATCH: self._narrow,
            Rung.TILES: self._tile,
            Rung.OFFLOAD: self._offload,
        }

    def find(self, plan: StepPlan, in_use: Collection[str], rows: int) -> Rung | None:
        """Take the first rung that makes a difference; None when there is none left. `rows` are those of the batch."""
        for remedy in LADDER:
            if plan.stage in remedy.stages and self._takes[remedy.rung](plan, in_use, rows):
                self._remember(remedy, plan)
                _log.warning("memory_short", model=plan.model, stage=plan.stage, remedy=remedy.rung)
                return remedy.rung
        return None

    def is_tiled(self, generation: Generation) -> bool:
        """Whether the autoencoder works in tiles for this image."""
        family, spec = self._models.get(generation.spec.model), generation.spec
        if family.tile_side is None or (isinstance(spec.task, Txt2Img) and not generation.encoded):
            return False
        if Rung.TILES in self._capacity.rungs(_shape(generation)):
            return True
        is_large = max(spec.width, spec.height) > family.tile_side
        return is_large and self._placement.mode_of(self._models.entry(spec.model)) != "full"

    def offload_as_before(self, plan: StepPlan) -> bool:
        """Take the weights off the device if one of these images is known to need that; whether they have left."""
        if any(Rung.OFFLOAD in self._capacity.rungs(_shape(generation)) for generation in plan.generations):
            return self._offload(plan, (), 0)
        return False

    def taken(self, generation: Generation) -> tuple[Remedy, ...]:
        """What was tried for this image, now or before it came."""
        rungs = generation.rungs | self._capacity.rungs(_shape(generation))
        if generation.spec.model in self._models.resident and self.is_tiled(generation):
            rungs |= {Rung.TILES}
        return tuple(remedy for remedy in LADDER if remedy.rung in rungs)

    def _remember(self, remedy: Remedy, plan: StepPlan) -> None:
        if remedy.is_remembered:
            for generation in plan.generations:
                self._capacity.remember(_shape(generation), remedy.rung)

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
        self._capacity.out_of_memory(plan.generations[0].key, rows)
        return True

    def _tile(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        [generation] = plan.generations
        if self._models.get(plan.model).tile_side is None or self.is_tiled(generation):
            return False
        return plan.stage is Stage.DECODING or not isinstance(generation.spec.task, Txt2Img)

    def _offload(self, plan: StepPlan, in_use: Collection[str], rows: int) -> bool:
        """The model is loaded again, to elsewhere; what its images own does not refer to it."""
        if not self._placement.lower(self._models.entry(plan.model)):
            return False
        if plan.model in self._models.resident:
            self._models.evict(plan.model)
        return True


def _shape(generation: Generation) -> BatchKey:
    """Without what is known only once the prompts are encoded."""
    return replace(generation.key, windows=1)
