"""How fast models are rendered: what finished jobs took, and what stands before a job that waits."""

from dataclasses import dataclass

SAMPLES_MAX = 64
"""Finished jobs that are remembered for each model; the newest ones."""

QUEUE_LOOK = 32
"""Queued jobs whose cost is looked at, the oldest ones, to know what they cost on average."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a job took, as its worker measured it."""

    device: str
    busy_ms: int
    """Its share of the device's time: that of a forward pass is divided among the images in it."""
    load_ms: int
    """Time that it waited for its model to be loaded."""


@dataclass(frozen=True, slots=True)
class PaceSample:
    """What one job took that succeeded."""

    pace: Pace
    cost: float
    """As it was estimated at its acceptance."""
    wall_ms: int
    """From its claim to its end, by Redis' clock."""


@dataclass(frozen=True, slots=True)
class ModelPace:
    """One model's samples, newest first, and its load."""

    model: str
    samples: tuple[PaceSample, ...]
    queued_cost: float
    """Mean of the oldest queued jobs; 0 where none is queued."""
    held_cost: float
    """Sum over the jobs that workers hold."""
    devices: tuple[str, ...]
    """One for each live worker that takes its jobs."""
    warm: bool
    """Whether one of them has it in memory."""
