"""When a job will have ended, told from what finished jobs of its model took. Pure: no clock, no store.

A device that is alone with a job needs its `alone` time; one that has enough to do gives it its share, `busy` time.
Where forward passes of many images cost hardly more than those of few, that is much less. What is done before the job
takes busy time, of all live workers' devices together. So the job ends no earlier than it would alone, and no earlier
than what comes before it and itself are done.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from renderq.contract import Eta
from renderq_shared.jobs import ModelTimings, TimingSample

_NEAREST = 16
"""Finished jobs that a prediction looks at."""

_LOADED_MS = 200
"""A wait for the model that is shorter was none for its loading."""

_BUSY_ONE_IN = 4
"""One job in so many, those with the fullest forward passes, shows how fast a device is that has enough to do."""

P50, P90 = 0.5, 0.9

_OVERHEAD_QUANTILES = {P50: 0.1, P90: 0.9}
"""Share of the jobs that spend less time around the device: a crowded worker's wait for each other there, too."""


def queued_eta(pace: ModelTimings, cost: float, images: int, cost_ahead: float) -> Eta | None:
    """Of a queued job; `None` where nothing is known or nobody renders its model."""
    if not pace.samples or not pace.devices:
        return None
    return _eta(*(_queued_ms(pace, cost, images, cost_ahead, share) for share in (P50, P90)))


def running_eta(pace: ModelTimings, cost: float, images: int, done: float) -> Eta | None:
    """Of a job that a worker has, with this share of its steps done."""
    if not pace.samples:
        return None
    return _eta(*((1 - done) * _alone_ms(pace, cost, images, share) for share in (P50, P90)))


def seconds_per_image(pace: ModelTimings, cost: float) -> float | None:
    """Median time of a job of one image of this cost on a warm worker, from its claim to its end."""
    return round(_alone_ms(pace, cost, 1, P50) / 1000, 3) if pace.samples else None


def _eta(p50_ms: float, p90_ms: float) -> Eta:
    return Eta(p50=round(p50_ms / 1000, 1), p90=round(max(p50_ms, p90_ms) / 1000, 1))


def _queued_ms(pace: ModelTimings, cost: float, images: int, cost_ahead: float, share: float) -> float:
    device_wall_ms = _on_device_ms(pace, cost, images, share)
    share_ms = min(device_wall_ms, cost * _busy_ms_per_cost(pace, None, share))
    kinds = Counter(pace.devices).items()  # of many workers, few are different
    rate = sum(count / _busy_ms_per_cost(pace, device, share) for device, count in kinds)
    return _load_ms(pace, share) + _overhead_ms(pace, share) + max(device_wall_ms, cost_ahead / rate + share_ms)


def _alone_ms(pace: ModelTimings, cost: float, images: int, share: float) -> float:
    return _overhead_ms(pace, share) + _on_device_ms(pace, cost, images, share)


def _on_device_ms(pace: ModelTimings, cost: float, images: int, share: float) -> float:
    """As jobs took that are nearest to it: in the number of images first, as they share forward passes."""

    def distance(sample: TimingSample) -> tuple[float, float]:
        return abs(math.log(sample.images / images)), abs(math.log(sample.cost / cost))

    near = sorted(pace.samples, key=distance)[:_NEAREST]
    return cost * quantile([sample.timing.device_wall_ms / sample.cost for sample in near], share)


def _busy_ms_per_cost(pace: ModelTimings, device: str | None, share: float) -> float:
    """Of a device that has enough to do; of any device where this one has not finished a job yet."""
    own = [sample for sample in pace.samples if sample.timing.device == device] or pace.samples
    fullest = sorted(own, key=_fill, reverse=True)[: max(1, len(own) // _BUSY_ONE_IN)]
    return max(1e-3, quantile([sample.timing.device_share_ms / sample.cost for sample in fullest], share))


def _fill(sample: TimingSample) -> float:
    """Images in its forward passes, with those of other jobs, if its own shared them."""
    return sample.images * sample.timing.device_wall_ms / max(1, sample.timing.device_share_ms)


def _overhead_ms(pace: ModelTimings, share: float) -> float:
    """What a job takes beside its time on the device: pictures are encoded and stored."""
    spent = [sample.wall_ms - sample.timing.load_ms - sample.timing.device_wall_ms for sample in pace.samples]
    return max(0.0, quantile(spent, _OVERHEAD_QUANTILES[share]))


def _load_ms(pace: ModelTimings, share: float) -> float:
    """The model has to be loaded first where no worker has it in memory."""
    loads = [sample.timing.load_ms for sample in pace.samples if sample.timing.load_ms > _LOADED_MS]
    return 0.0 if pace.warm or not loads else quantile(loads, share)


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
