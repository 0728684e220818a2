"""Fallbacks when memory is exhausted, in the order in which they are tried before an image fails. No torch."""

from collections.abc import Collection
from dataclasses import dataclass

from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.generation import Stage


@dataclass(frozen=True, slots=True)
class Fallback:
    """One fallback."""

    kind: FallbackKind
    stages: Collection[Stage]
    """Stages in which it can help."""
    is_sticky: bool
    """Whether later images of this model and shape start with it. The batch size is remembered separately."""
    message: str
    """Text of the warning that the job gets."""


FALLBACKS = (
    Fallback(
        FallbackKind.EVICTION,
        frozenset(Stage),
        is_sticky=False,
        message="memory was short: other models were unloaded",
    ),
    Fallback(
        FallbackKind.NARROWER_BATCH,
        frozenset({Stage.DENOISING}),
        is_sticky=False,
        message="memory was short: fewer images were computed at a time",
    ),
    Fallback(
        FallbackKind.TILES,
        frozenset({Stage.ENCODING, Stage.DECODING}),
        is_sticky=True,
        message="memory was short: the autoencoder worked in overlapping tiles, which changes pixels",
    ),
    Fallback(
        FallbackKind.OFFLOAD,
        frozenset(Stage),
        is_sticky=True,
        message="memory was short: the model's components were on the device only while in use, which is slower",
    ),
)

FALLBACK_BY_KIND = {fallback.kind: fallback for fallback in FALLBACKS}
