"""When a job will have ended, told from what finished jobs of its model took. Pure: no clock, no store.

A job's own time is a quantile over the finished jobs whose cost is nearest to its own, scaled by cost. Before that it
waits for the jobs ahead of it: for their cost, at the rate of all live workers' devices together.
"""

from collections.abc import Iterable, Sequence

from renderq.contract import Eta
from renderq_shared.jobs import ModelPace, PaceSample

_NEAREST = 16
"""Finished jobs that a prediction looks at."""

_HELD_LEFT = 0.5
"""Share of what workers hold that is still to be done, on average."""

_LOADED_MS = 200
"""A wait for the model that is shorter was none for its loading."""

P50, P90 = 0.5, 0.9


def queued_eta(pace: ModelPace, cost: float, ahead: int) -> Eta | None:
    """Of a queued job with `ahead` jobs before it; `None` where nothing is known or nobody renders its model."""
    if not pace.samples or not pace.devices:
        return None
    p50, p90 = (_wait_s(pace, ahead, share) + _job_s(pace, cost, share) + _load_s(pace, share) for share in (P50, P90))
    return _eta(p50, p90)


def running_eta(pace: ModelPace, cost: float, done: float) -> Eta | None:
    """Of a job that a worker has, with this share of its steps done."""
    if not pace.samples:
        return None
    return _eta(*(_job_s(pace, cost, share) * (1 - done) for share in (P50, P90)))


def seconds(pace: ModelPace, cost: float) -> float | None:
    """Median time of a job of this cost on a warm worker, from its claim to its end."""
    return round(_job_s(pace, cost, P50), 3) if pace.samples else None


def _eta(p50: float, p90: float) -> Eta:
    return Eta(p50=round(p50, 1), p90=round(max(p50, p90), 1))


def _job_s(pace: ModelPace, cost: float, share: float) -> float:
    near = sorted(pace.samples, key=lambda sample: _distance(sample.cost, cost))[:_NEAREST]
    return cost * quantile([_own_ms(sample) / sample.cost for sample in near], share) / 1000


def _own_ms(sample: PaceSample) -> int:
    return max(0, sample.wall_ms - sample.pace.load_ms)


def _distance(cost: float, other: float) -> float:
    """How many times the one is the other."""
    return max(cost, other) / min(cost, other)


def _wait_s(pace: ModelPace, ahead: int, share: float) -> float:
    work = ahead * pace.queued_cost + _HELD_LEFT * pace.held_cost
    rate = sum(1 / _busy_ms(pace, device, share) for device in pace.devices)
    return work / rate / 1000


def _busy_ms(pace: ModelPace, device: str, share: float) -> float:
    """Time of a device for a cost of 1; of any device where this one has not finished a job yet."""
    own = [sample for sample in pace.samples if sample.pace.device == device]
    return max(1e-3, quantile([sample.pace.busy_ms / sample.cost for sample in own or pace.samples], share))


def _load_s(pace: ModelPace, share: float) -> float:
    """The model has to be loaded first where no worker has it in memory."""
    loads = [sample.pace.load_ms for sample in pace.samples if sample.pace.load_ms > _LOADED_MS]
    return 0.0 if pace.warm or not loads else quantile(loads, share) / 1000


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
