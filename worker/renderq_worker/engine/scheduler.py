"""Choice of the next operation: shortest remaining work first, with aging. Pure policy, no torch.

Urgency is the remaining work minus a share of the time spent waiting. A short generation overtakes a long one that has
not waited long. Any generation that waits long enough overtakes every newcomer, so waiting is bounded.
"""

from collections.abc import Callable, Collection, Iterable

from renderq_worker.engine.generation import Generation, Stage
from renderq_worker.engine.plan import BatchLimit, StepPlan, StepResult

AGING_RATE = 1 / 8
"""Remaining operations per operation of waiting. 0 would starve long generations; 1 is arrival order."""

LOAD_WORK = 32
"""Operations that loading a model counts as, so that two models that do not fit together do not alternate."""


class Scheduler:
    """Generations in flight, and the choice of the engine's next operation."""

    def __init__(self) -> None:
        self._generations: dict[str, Generation] = {}
        """By id, in order of arrival, which breaks ties."""

    def __len__(self) -> int:
        return len(self._generations)

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that generations in flight need."""
        return frozenset(generation.spec.model for generation in self._generations.values())

    def add(self, generation: Generation) -> None:
        self._generations[generation.spec.id] = generation

    def cancel(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Forget these; return those that were in flight."""
        return tuple(id for id in ids if self._generations.pop(id, None) is not None)

    def plan(self, batch_limit_for: Callable[[Generation], BatchLimit], resident: Collection[str]) -> StepPlan | None:
        """Return the next operation, or None when nothing is in flight.

        A model is loaded for all generations that need it. Members of the next batch that are not encoded yet are
        encoded first, one at a time. A long prompt takes several operations, and the batch does not wait for it.
        """
        ranked = sorted(self._generations.values(), key=lambda generation: _urgency(generation, resident))
        if not ranked:
            return None
        lead = ranked[0]
        if lead.spec.model not in resident:
            same_model = (generation for generation in ranked if generation.spec.model == lead.spec.model)
            return StepPlan(Stage.LOADING_MODEL, tuple(same_model))
        if lead.stage is Stage.DECODING:
            return StepPlan(Stage.DECODING, (lead,))
        batch = _batch(lead, ranked, batch_limit_for(lead))
        for generation in batch:
            if generation.stage is Stage.ENCODING:
                return StepPlan(Stage.ENCODING, (generation,))
        return StepPlan(Stage.DENOISING, batch)

    def update(self, result: StepResult) -> None:
        """Record progress, forget generations that ended, and age the others."""
        plan = result.plan
        for generation in self._generations.values():
            if generation.spec.id not in result.advanced:
                generation.ticks_waited += 1
        for generation in plan.generations:
            generation.record_memory(result.peak_bytes, result.fallbacks)
            if generation.spec.id in result.advanced:
                self._advance(generation, result)
        for id in result.failures:
            self._generations.pop(id, None)

    def _advance(self, generation: Generation, result: StepResult) -> None:
        match result.plan.stage:
            case Stage.LOADING_MODEL:
                generation.record_loaded(result.seconds)
            case Stage.ENCODING:
                if result.encoded is not None:
                    generation.record_encoded(result.encoded, result.seconds)
                else:
                    generation.record_encoding(result.seconds)
            case Stage.DENOISING:
                width = result.batch_widths.get(generation.spec.id, len(result.plan.generations))
                generation.record_step(width, result.seconds)
            case Stage.DECODING:
                generation.record_decoded(result.seconds)
                self._generations.pop(generation.spec.id, None)


def _urgency(generation: Generation, resident: Collection[str]) -> float:
    """Lower is more urgent."""
    load = 0 if generation.spec.model in resident else LOAD_WORK
    return generation.remaining + load - AGING_RATE * generation.ticks_waited


def _batch(lead: Generation, ranked: Iterable[Generation], limit: BatchLimit) -> tuple[Generation, ...]:
    """Return the most urgent generations that may share a forward pass with `lead`, within the limit."""
    batch, rows = [lead], lead.rows
    for generation in ranked:
        if len(batch) == limit.generations:
            break
        if generation is lead or generation.stage is Stage.DECODING or not _may_join(generation, lead):
            continue
        if generation.is_partly_encoded:
            continue
        own_rows = lead.rows if _joins_once_encoded(generation, lead) else generation.rows
        fits = rows + own_rows <= limit.rows
        if fits and (limit.allows_mixed_guidance or own_rows == lead.rows):
            batch.append(generation)
            rows += own_rows
    return tuple(batch)


def _may_join(generation: Generation, lead: Generation) -> bool:
    return generation.key == lead.key or _joins_once_encoded(generation, lead)


def _joins_once_encoded(generation: Generation, lead: Generation) -> bool:
    """Return whether the kind of its denoiser's calls is not known yet, and may turn out to be that of `lead`."""
    if generation.is_encoded or not lead.key.denoiser_call:
        return False
    return generation.key == lead.key.until_encoded
