"""JSON parts of a job record (`JobRecord.*_json`): written by workers, read by the API, checked in manifests.

`error_json` and `warnings_json` hold the contract's own `JobError` and list of `JobWarning`. Unknown keys are ignored,
so that an API can read what a newer worker wrote.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from renderq.contract import Exactness, ImageStatus, JobWarning

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""Exact in Redis' scores, in Lua and in JSON."""


class _StoredModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredFile(_StoredModel):
    """An image file in the object store."""

    key: str
    content_type: str
    width: Count
    height: Count
    size_bytes: Count
    sha256: str
    """SHA-256 of the file."""
    pixel_sha256: str
    """SHA-256 of the RGB bytes that the file decodes to, row by row."""


class StoredThumbnail(_StoredModel):
    """A small WebP of an image."""

    key: str
    width: Count
    height: Count
    size_bytes: Count


class StoredOutput(StoredFile):
    """One finished image: an item of `outputs_json`."""

    index: Count
    seed: Count
    thumbnail: StoredThumbnail | None = None
    """`None` for a small image, and for those of earlier versions."""


class StoredGrid(StoredFile):
    """All images of a job in one file: `grid_json`."""

    columns: Count
    rows: Count


class StoredImageProgress(_StoredModel):
    """Progress of one image, in model calls."""

    step: Count
    steps: Count
    status: ImageStatus


class StoredProgress(_StoredModel):
    """`progress_json`, which `progress.lua` reads too. Model calls are summed over the job's images."""

    step: Count = 0
    """Model calls done."""
    steps: Count = 0
    """Model calls in total; 0 until known."""
    images_done: Count = 0
    """Images in the object store."""
    images: tuple[StoredImageProgress, ...] = ()
    """All images, in order, until the last one is done."""

    @property
    def fraction(self) -> float:
        """Fraction of the model calls that are done; 0 while the total is unknown."""
        return self.step / self.steps if self.steps else 0.0


class StoredMetrics(_StoredModel):
    """`metrics_json`: sums over the images, but the maximum of load time and memory. Times in milliseconds."""

    load_ms: Count | None = None
    inference_ms: Count | None = None
    """The job's share of the device's time."""
    encode_ms: Count | None = None
    upload_ms: Count | None = None
    peak_memory_bytes: Count | None = None
    """`None` where the device does not report it."""
    batch_width_mean: float | None = None


class StoredRuntime(_StoredModel):
    """`runtime_json`: what rendered the job."""

    model_revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    exactness: Exactness | None = None


class StoredBatch(_StoredModel):
    """`batch_json`: place of a job in its batch."""

    index: Count
    jobs: Count
    """Number of jobs in the batch."""
    values: dict[str, JsonValue] = Field(default_factory=dict)
    """Field of each axis of a sweep → the job's value."""


_OUTPUTS = TypeAdapter(tuple[StoredOutput, ...])
_LABELS = TypeAdapter(tuple[str, ...])
_WARNINGS = TypeAdapter(tuple[JobWarning, ...])


def encode_outputs(outputs: Sequence[StoredOutput]) -> str:
    return _OUTPUTS.dump_json(tuple(outputs)).decode()


def decode_outputs(outputs_json: str | None) -> tuple[StoredOutput, ...]:
    return _OUTPUTS.validate_json(outputs_json) if outputs_json else ()


def encode_labels(labels: Sequence[str]) -> str | None:
    """Return the labels without duplicates, sorted; `None` for none."""
    return _LABELS.dump_json(tuple(sorted(set(labels)))).decode() if labels else None


def decode_labels(labels_json: str | None) -> tuple[str, ...]:
    return _LABELS.validate_json(labels_json) if labels_json else ()


def encode_warnings(warnings: Sequence[JobWarning]) -> str:
    return _WARNINGS.dump_json(tuple(warnings)).decode()


def decode_warnings(warnings_json: str | None) -> tuple[JobWarning, ...]:
    return _WARNINGS.validate_json(warnings_json) if warnings_json else ()


def decode_grid(grid_json: str | None) -> StoredGrid | None:
    return StoredGrid.model_validate_json(grid_json) if grid_json else None


def decode_batch(batch_json: str) -> StoredBatch:
    return StoredBatch.model_validate_json(batch_json)


def decode_progress(progress_json: str | None) -> StoredProgress:
    return StoredProgress.model_validate_json(progress_json) if progress_json else StoredProgress()


def decode_metrics(metrics_json: str | None) -> StoredMetrics:
    return StoredMetrics.model_validate_json(metrics_json) if metrics_json else StoredMetrics()


def decode_runtime(runtime_json: str | None) -> StoredRuntime:
    return StoredRuntime.model_validate_json(runtime_json) if runtime_json else StoredRuntime()
