"""How fast models are rendered: what finished jobs took."""

import json
from dataclasses import dataclass

MAX_SAMPLES = 64
"""Finished jobs that are remembered for each model; the newest ones."""


@dataclass(frozen=True, slots=True)
class JobTiming:
    """What a job took, as its worker measured it."""

    device: str
    device_share_ms: int
    """Its share of the device's time: that of a forward pass is divided among the images in it."""
    device_wall_ms: int
    """Time that it spent on the device, whoever else was in the same forward passes."""
    load_ms: int
    """Time that it waited for its model to be loaded."""


@dataclass(frozen=True, slots=True)
class TimingSample:
    """What one job took that succeeded."""

    timing: JobTiming
    cost: float
    """As it was estimated at its acceptance."""
    images: int
    wall_ms: int
    """From its claim to its end, by Redis' clock."""


@dataclass(frozen=True, slots=True)
class ModelTimings:
    """One model's samples, newest first, and who renders it."""

    model: str
    samples: tuple[TimingSample, ...]
    devices: tuple[str, ...]
    """One for each live worker that takes its jobs."""
    warm: bool
    """Whether one of them has it in memory."""


def round_cost(cost: float) -> float:
    """Sums of costs depend on the order in their last digits."""
    return round(cost, 3)


def progress_fraction(progress_json: str | None) -> float:
    """Share of a job's steps that its progress counts; 0 while nothing is counted."""
    done = json.loads(progress_json or "{}")
    return done["step"] / done["steps"] if done.get("steps") else 0.0
