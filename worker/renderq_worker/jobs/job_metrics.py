"""Metrics and timing of a job, computed from those of its images."""

from collections.abc import Sequence
from dataclasses import dataclass

from renderq.contract import Exactness
from renderq_shared.jobs.stored_results import StoredMetrics, StoredRuntime
from renderq_shared.jobs.timings import JobTiming
from renderq_worker.engine import RenderStats

_EXACTNESS: Sequence[Exactness] = ("stock", "fixed", "loose")
"""From the most exact to the least."""


@dataclass(frozen=True, slots=True)
class ImageTiming:
    """Measurements of one image, from the engine to the object store."""

    stats: RenderStats
    encode_ms: float
    upload_ms: float


def job_metrics(timings: Sequence[ImageTiming]) -> StoredMetrics:
    """Return sums over the images, but the longest load time and the highest memory peak."""
    stats = [timing.stats for timing in timings]
    peaks = [each.peak_memory_bytes for each in stats if each.peak_memory_bytes is not None]
    return StoredMetrics(
        load_ms=round(max(each.load_ms for each in stats)),
        inference_ms=round(_device_share_ms(stats)),
        encode_ms=round(sum(timing.encode_ms for timing in timings)),
        upload_ms=round(sum(timing.upload_ms for timing in timings)),
        peak_memory_bytes=max(peaks, default=None),
        batch_width_mean=round(sum(each.batch_width_mean for each in stats) / len(stats), 3),
    )


def job_timing(timings: Sequence[ImageTiming]) -> JobTiming:
    """Return the sample from which ETAs are estimated."""
    stats = [timing.stats for timing in timings]
    device_wall_ms = sum(each.inference_ms / max(1.0, min(len(stats), each.batch_width_mean)) for each in stats)
    load_ms = max(each.load_ms for each in stats)
    return JobTiming(stats[0].device, round(_device_share_ms(stats)), round(device_wall_ms), round(load_ms))


def job_runtime(timings: Sequence[ImageTiming]) -> StoredRuntime:
    """Return the runtime of the images, all of which one worker rendered, and the exactness of the least exact."""
    stats = max((timing.stats for timing in timings), key=lambda each: _EXACTNESS.index(each.exactness))
    return StoredRuntime(
        model_revision=stats.model_revision,
        device=stats.device,
        dtype=stats.dtype,
        exactness=stats.exactness,
    )


def _device_share_ms(stats: Sequence[RenderStats]) -> float:
    """The job's share of the device: the time of a forward pass is divided among the images in it."""
    return sum(each.inference_ms / max(1.0, each.batch_width_mean) for each in stats)
