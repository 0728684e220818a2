"""One operation of the engine and its result, passed between scheduler and runner. No torch at import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from renderq_worker.engine.failure import Failure
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.generation import EncodedImage, Generation, Stage

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """Largest batch of one forward pass. A single generation always fits."""

    generations: int
    rows: int
    allows_mixed_guidance: bool = True
    """Whether guided and unguided images may share it."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One operation. It cannot be interrupted; cancellations take effect before and after it."""

    stage: Stage
    generations: tuple[Generation, ...]
    """Most urgent first. Denoising: one batch key. Encoding, decoding: one generation. Loading: one model."""

    @property
    def model(self) -> str:
        return self.generations[0].spec.model

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(generation.spec.id for generation in self.generations)


@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of one operation. A generation in neither `advanced` nor `failures` is retried."""

    plan: StepPlan
    seconds: float = 0.0
    advanced: tuple[str, ...] = ()
    """Ids of generations that made progress."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    """Generations that ended, by id."""
    encoded: EncodedImage | None = None
    """Encoding: None if the prompts need further operations."""
    batch_widths: Mapping[str, float] = field(default_factory=dict)
    """Denoising: mean number of images in the forward passes of the step, by id."""
    estimates: Mapping[str, Tensor | None] = field(default_factory=dict)
    """Denoising: predicted final latents (x0) by id, where a preview was requested; None where prediction failed."""
    fallbacks: Collection[FallbackKind] = ()
    """Out-of-memory fallbacks: applied for the retry if nothing advanced, else used in this operation."""
    peak_bytes: int | None = None
    """Peak memory on the device during the operation; None where the device does not count it."""
    pixels: np.ndarray | None = None
    """Decoding: the image, uint8 [height, width, 3]."""
    is_flagged: bool = False
    """Decoding: the model's safety checker blacked it out."""

    def with_cost(self, seconds: float, peak_bytes: int | None) -> StepResult:
        """Return a copy with the time and the memory that the operation took."""
        return replace(self, seconds=seconds, peak_bytes=peak_bytes)
