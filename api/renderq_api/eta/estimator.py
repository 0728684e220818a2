"""Estimate of a job's remaining time from timings of finished jobs of its model. Pure: no clock, no store.

A job that has a device to itself takes its wall time on the device. On a busy device, which batches several jobs, it
takes only its share of the forward passes; where large batches cost hardly more than small ones, that is much less.
Jobs ahead in the queue take their shares on the devices of all live workers together. So a job ends no earlier than
it would alone, and no earlier than the jobs ahead of it and its own share are done. If others go on submitting, jobs
behind it in the queue share the device with it, too: the 90th percentile allows for them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from renderq.contract import Eta
from renderq_shared.jobs import ModelTimings, TimingSample

_NEAREST = 16
"""Number of similar finished jobs in an estimate."""

_LOADED_MS = 200
"""Minimum load time that counts as loading the model; a shorter wait had other causes."""

_BUSY_ONE_IN = 4
"""The fullest quarter of the jobs, by batch size, gives the throughput of a busy device."""

P50, P90 = 0.5, 0.9

_OVERHEAD_QUANTILES = {P50: 0.1, P90: 0.9}
"""Estimate quantile → quantile of the overhead. Lower for the median: on a busy worker, overhead includes waiting."""


@dataclass(frozen=True, slots=True)
class QueuedTimes:
    """Times of a queued job at one quantile, in ms, without regard to the jobs ahead of it in the queue."""

    start: float
    """Loading the model, and the time outside the device."""
    device_wall: float
    device_share: float
    behind: float
    """Maximum time that the device spends on jobs behind this one in the queue before this one ends."""
    rate: float
    """Cost that the devices of all live workers together do in 1 ms."""

    def until_start(self, cost_ahead: float) -> float:
        return cost_ahead / self.rate

    def until_end(self, cost_ahead: float) -> float:
        ahead = self.until_start(cost_ahead)
        return self.start + max(self.device_wall, ahead + self.device_share + min(self.behind, ahead))


QueuedEstimate: TypeAlias = tuple[QueuedTimes, QueuedTimes]
"""The median, and the 90th percentile."""


def queued_estimate(timings: ModelTimings, cost: float, images: int) -> QueuedEstimate | None:
    """Return the times of queued jobs of this kind; `None` without timings or without a live worker for the model."""
    if not timings.samples or not timings.devices:
        return None
    return _queued_times(timings, cost, images, P50), _queued_times(timings, cost, images, P90)


def queued_eta(estimate: QueuedEstimate, cost_ahead: float) -> Eta:
    """Return the ETA of a queued job."""
    median, slow = estimate
    return _eta(median.until_end(cost_ahead), slow.until_end(cost_ahead))


def running_eta(timings: ModelTimings, cost: float, images: int, done: float) -> Eta | None:
    """Return the ETA of a running job with the fraction `done` of its steps complete; `None` without timings."""
    if not timings.samples:
        return None
    return _eta(*((1 - done) * _unshared_ms(timings, cost, images, q) for q in (P50, P90)))


def seconds_per_image(timings: ModelTimings, cost: float) -> float | None:
    """Return the median time of a one-image job of this cost on a warm worker, from claim to end."""
    return round(_unshared_ms(timings, cost, 1, P50) / 1000, 3) if timings.samples else None


def _eta(p50_ms: float, p90_ms: float) -> Eta:
    return Eta(p50=round(p50_ms / 1000, 1), p90=round(max(p50_ms, p90_ms) / 1000, 1))


def _queued_times(timings: ModelTimings, cost: float, images: int, q: float) -> QueuedTimes:
    device_wall_ms = _on_device_ms(timings, cost, images, q)
    kinds = Counter(timings.devices).items()  # workers with equal devices count once
    device_share_ms = min(device_wall_ms, cost * _busy_ms_per_cost(timings, None, q))
    return QueuedTimes(
        start=_load_ms(timings, q) + _overhead_ms(timings, q),
        device_wall=device_wall_ms,
        device_share=device_share_ms,
        behind=device_wall_ms - device_share_ms if q == P90 else 0.0,
        rate=sum(count / _busy_ms_per_cost(timings, device, q) for device, count in kinds),
    )


def _unshared_ms(timings: ModelTimings, cost: float, images: int, q: float) -> float:
    return _overhead_ms(timings, q) + _on_device_ms(timings, cost, images, q)


def _on_device_ms(timings: ModelTimings, cost: float, images: int, q: float) -> float:
    """Return the time on the device in the most similar jobs: by number of images first, which share forward passes."""

    def distance(sample: TimingSample) -> tuple[float, float]:
        return abs(math.log(sample.images / images)), abs(math.log(sample.cost / cost))

    nearest = sorted(timings.samples, key=distance)[:_NEAREST]
    return cost * quantile([sample.timing.device_wall_ms / sample.cost for sample in nearest], q)


def _busy_ms_per_cost(timings: ModelTimings, device: str | None, q: float) -> float:
    """Return the time per cost on a busy device of this kind; of any device if this kind has no finished job yet."""
    own = [sample for sample in timings.samples if sample.timing.device == device] or timings.samples
    fullest = sorted(own, key=_fill, reverse=True)[: max(1, len(own) // _BUSY_ONE_IN)]
    return max(1e-3, quantile([sample.timing.device_share_ms / sample.cost for sample in fullest], q))


def _fill(sample: TimingSample) -> float:
    """Return the images per forward pass, including those of other jobs in the batch."""
    return sample.images * sample.timing.device_wall_ms / max(1, sample.timing.device_share_ms)


def _overhead_ms(timings: ModelTimings, q: float) -> float:
    """Return the time of a job outside the device, such as encoding and storing images."""
    overheads = [sample.wall_ms - sample.timing.load_ms - sample.timing.device_wall_ms for sample in timings.samples]
    return max(0.0, quantile(overheads, _OVERHEAD_QUANTILES[q]))


def _load_ms(timings: ModelTimings, q: float) -> float:
    """Return the time to load the model; 0 if a worker already has it in memory."""
    loads = [sample.timing.load_ms for sample in timings.samples if sample.timing.load_ms > _LOADED_MS]
    return 0.0 if timings.warm or not loads else quantile(loads, q)


def quantile(values: Iterable[float], q: float) -> float:
    """Return the smallest value that at least this fraction of the values does not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
