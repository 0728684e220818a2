"""Measured timings of finished jobs, from which the API estimates waiting times."""

from dataclasses import dataclass

MAX_SAMPLES = 64
"""Number of samples kept for each model; the newest ones."""


@dataclass(frozen=True, slots=True)
class JobTiming:
    """Timing of a job as measured by its worker."""

    device: str
    device_share_ms: int
    """The job's share of device time: the time of a forward pass is divided among the images in it."""
    device_wall_ms: int
    """Total time of the forward passes that contained the job, shared or not."""
    load_ms: int
    """Time spent waiting for the model to load."""


@dataclass(frozen=True, slots=True)
class TimingSample:
    """Timing of one succeeded job."""

    timing: JobTiming
    cost: float
    """Estimate at submission."""
    images: int
    wall_ms: int
    """Time from claim to end, by the server's clock."""


@dataclass(frozen=True, slots=True)
class ModelTimings:
    """Samples of one model, newest first, and the workers that serve it."""

    model: str
    samples: tuple[TimingSample, ...]
    devices: tuple[str, ...]
    """Device of each live worker that serves the model."""
    warm: bool
    """True if one of these workers has the model loaded."""


def round_cost(cost: float) -> float:
    """Round a sum of costs, whose last digits depend on the order of summation."""
    return round(cost, 3)
