"""What is tried when memory is exhausted, in this order, before an image fails. No torch."""

from collections.abc import Collection
from dataclasses import dataclass

from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.generation import Stage


@dataclass(frozen=True, slots=True)
class Fallback:
    """A rung of the ladder."""

    kind: FallbackKind
    stages: Collection[Stage]
    """Where it can help."""
    is_sticky: bool
    """Whether later images of this model and shape begin with it; a batch's width is remembered by itself."""
    message: str
    """What the job's owner reads."""


FALLBACKS = (
    Fallback(
        FallbackKind.EVICTION,
        frozenset(Stage),
        is_sticky=False,
        message="memory was short: other models left the device",
    ),
    Fallback(
        FallbackKind.NARROWER_BATCH,
        frozenset({Stage.DENOISING}),
        is_sticky=False,
        message="memory was short: fewer images were computed at once",
    ),
    Fallback(
        FallbackKind.TILES,
        frozenset({Stage.ENCODING, Stage.DECODING}),
        is_sticky=True,
        message="memory is short: the autoencoder worked in overlapping tiles, which changes pixels",
    ),
    Fallback(
        FallbackKind.OFFLOAD,
        frozenset(Stage),
        is_sticky=True,
        message="memory was short: the model's parts are on the device only while they are used, which takes longer",
    ),
)

FALLBACK_BY_KIND = {fallback.kind: fallback for fallback in FALLBACKS}
