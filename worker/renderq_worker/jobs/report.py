"""The JSON texts of a job's record, as the API reads them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from renderq_shared.jobs.timings import JobTiming
from renderq_worker.engine import RenderStats


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A picture's file, durable in the store."""

    key: str
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    pixel_sha256: str


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """One finished picture."""

    index: int
    seed: int
    file: StoredFile


@dataclass(frozen=True, slots=True)
class StoredGrid:
    """All pictures of a job in one."""

    columns: int
    rows: int
    file: StoredFile


@dataclass(frozen=True, slots=True)
class JobError:
    """Why one image, or the grid, will not be."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class JobWarning:
    """Something that the job survived."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImageTiming:
    """What one picture took, in milliseconds."""

    stats: RenderStats
    encode_ms: float
    upload_ms: float


def outputs_json(outputs: Sequence[StoredOutput]) -> str:
    return _text([{"index": each.index, "seed": each.seed, **asdict(each.file)} for each in outputs])


def grid_json(grid: StoredGrid) -> str:
    return _text({"columns": grid.columns, "rows": grid.rows, **asdict(grid.file)})


def warnings_json(warnings: Sequence[JobWarning]) -> str:
    return _text([asdict(warning) for warning in warnings])


def progress_json(step: int, steps: int, images_done: int) -> str:
    """Model calls done and in all, summed over the images, and pictures in the store."""
    return _text({"step": step, "steps": steps, "images_done": images_done})


def error_json(failures: Mapping[int, JobError], images: int) -> str:
    """The job's error from those of its images; `details.images` names them all."""
    first = failures[min(failures)]
    others = f"{len(failures)} of {images} images failed; image {min(failures)}: " if images > 1 else ""
    return _text(
        {
            "code": first.code,
            "message": others + first.message,
            "retryable": all(failure.retryable for failure in failures.values()),
            "details": {"images": sorted(failures)},
        }
    )


def grid_error_json(failure: JobError) -> str:
    """The error of a job that has all its pictures, but not their grid."""
    return _text({**asdict(failure), "details": {"images": []}})


def metrics_json(costs: Sequence[ImageTiming]) -> str:
    """Sums over the pictures, but the longest wait for the model and the highest memory."""
    stats = [cost.stats for cost in costs]
    peaks = [each.peak_memory_bytes for each in stats if each.peak_memory_bytes is not None]
    return _text(
        {
            "load_ms": round(max(each.load_ms for each in stats)),
            "inference_ms": round(_device_share_ms(stats)),
            "encode_ms": round(sum(cost.encode_ms for cost in costs)),
            "upload_ms": round(sum(cost.upload_ms for cost in costs)),
            "peak_memory_bytes": max(peaks, default=None),
            "batch_width_mean": round(sum(each.batch_width_mean for each in stats) / len(stats), 3),
        }
    )


def job_timing(costs: Sequence[ImageTiming]) -> JobTiming:
    """What a job took of its device."""
    stats = [cost.stats for cost in costs]
    device_wall_ms = sum(each.inference_ms / max(1.0, min(len(stats), each.batch_width_mean)) for each in stats)
    load_ms = max(each.load_ms for each in stats)
    return JobTiming(stats[0].device, round(_device_share_ms(stats)), round(device_wall_ms), round(load_ms))


def _device_share_ms(stats: Sequence[RenderStats]) -> float:
    """The job's share of the device: the time of a forward pass is divided among the images in it."""
    return sum(each.inference_ms / max(1.0, each.batch_width_mean) for each in stats)


def runtime_json(stats: RenderStats) -> str:
    """What rendered the job."""
    return _text(
        {
            "model_revision": stats.model_revision,
            "device": stats.device,
            "dtype": stats.dtype,
            "batch_invariant": stats.batch_invariant,
        }
    )


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
