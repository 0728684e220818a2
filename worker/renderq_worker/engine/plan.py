"""What passes between scheduler and runner: one operation to do, and what came of it. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from renderq_worker.engine.failure import Failure
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.generation import Generation, Stage

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """How much fits into one forward pass. A single generation always does."""

    generations: int
    rows: int
    allows_mixed_guidance: bool = True
    """Whether guided and unguided images may be together."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One operation of the engine: it cannot be interrupted, cancellations are taken before and after it."""

    stage: Stage
    generations: tuple[Generation, ...]
    """Most urgent first. Denoising: all of one batch key. Encoding, decoding: one. Loading: all of one model."""

    @property
    def model(self) -> str:
        return self.generations[0].spec.model

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(generation.spec.id for generation in self.generations)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What an operation did. A generation in neither `advanced` nor `failures` is tried again."""

    plan: StepPlan
    seconds: float = 0.0
    advanced: tuple[str, ...] = ()
    """Ids that completed the operation."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    """Ids that ended, and why."""
    model_calls: int = 0
    """Encoding: how often the scheduler will call the model."""
    token_chunks: int = 1
    """Encoding: see `BatchKey.token_chunks`."""
    estimates: Mapping[str, Tensor | None] = field(default_factory=dict)
    """Denoising: ids of which a preview is wanted, and what their latents are expected to become, if that is known."""
    fallbacks: Collection[FallbackKind] = ()
    """What lack of memory made necessary: taken now, if nothing advanced; else how the operation was done."""
    peak_bytes: int | None = None
    """Most memory on the device meanwhile, where that is counted."""
    pixels: np.ndarray | None = None
    """Decoding: the picture, uint8 [height, width, 3]."""
    is_flagged: bool = False
    """Decoding: the model's safety checker made it black."""

    def with_cost(self, seconds: float, peak_bytes: int | None) -> StepResult:
        """The same, with the time and the memory that the operation took."""
        return replace(self, seconds=seconds, peak_bytes=peak_bytes)
