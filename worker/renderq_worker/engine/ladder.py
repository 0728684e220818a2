"""What is tried when memory is exhausted, in this order, before an image fails. No torch."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from renderq_worker.engine.generation import Stage


class Rung(StrEnum):
    """One way to need less memory; the code of the warning that a job gets."""

    EVICTION = "models_evicted"
    NARROWER_BATCH = "batch_narrowed"
    TILES = "autoencoder_tiled"
    OFFLOAD = "weights_offloaded"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A rung of the ladder."""

    rung: Rung
    stages: Collection[Stage]
    """Where it can help."""
    is_remembered: bool
    """Whether later images of this model and shape begin with it; a batch's width is remembered by itself."""
    message: str
    """What the job's owner reads."""


LADDER = (
    Remedy(
        Rung.EVICTION,
        frozenset(Stage),
        is_remembered=False,
        message="memory was short: other models left the device",
    ),
    Remedy(
        Rung.NARROWER_BATCH,
        frozenset({Stage.DENOISING}),
        is_remembered=False,
        message="memory was short: fewer images were computed at once",
    ),
    Remedy(
        Rung.TILES,
        frozenset({Stage.ENCODING, Stage.DECODING}),
        is_remembered=True,
        message="memory is short: the autoencoder worked in overlapping tiles, which changes pixels",
    ),
    Remedy(
        Rung.OFFLOAD,
        frozenset(Stage),
        is_remembered=True,
        message="memory was short: the model's parts are on the device only while they are used, which takes longer",
    ),
)

REMEDIES = {remedy.rung: remedy for remedy in LADDER}
