"""Job record → `Job` as its owner sees it. Pure: no clock, no store, no request."""

import contextlib
import json
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from urllib.parse import urljoin

from renderq.contract import (
    Eta,
    Grid,
    ImageProgress,
    Job,
    JobBatch,
    JobError,
    JobUrls,
    Metrics,
    Output,
    Progress,
    QueuePlace,
    Stage,
    Status,
    Thumbnail,
    WaitReason,
)
from renderq_api.http.timestamps import timestamp
from renderq_shared.errors import RecordUnreadable
from renderq_shared.jobs import JobRecord, QueuedJob, QueuePosition
from renderq_shared.jobs.stored_results import (
    StoredOutput,
    decode_batch,
    decode_grid,
    decode_labels,
    decode_metrics,
    decode_outputs,
    decode_progress,
    decode_runtime,
    decode_warnings,
)
from renderq_shared.objects import SignedUrl

UrlSigner = Callable[[str], SignedUrl]
"""Object key → fresh URL that works without credentials."""


@dataclass(frozen=True, slots=True)
class UrlBuilder:
    """Absolute URLs below the public address of the service."""

    base: str
    """Ends with a slash."""
    events_token: Callable[[str], str] | None = None
    """Job id → token that authorizes a browser to open the job's event stream; `None` where no token is needed."""

    def job(self, job_id: str) -> str:
        return f"{self.base}v1/jobs/{job_id}"

    def cancel(self, job_id: str) -> str:
        return f"{self.job(job_id)}/cancel"

    def events(self, job_id: str) -> str:
        token = f"?token={self.events_token(job_id)}" if self.events_token else ""
        return f"{self.job(job_id)}/events{token}"

    def image(self, job_id: str, index: int) -> str:
        return f"{self.job(job_id)}/images/{index}"

    def thumbnail(self, job_id: str, index: int) -> str:
        return f"{self.image(job_id, index)}/thumbnail"

    def grid(self, job_id: str) -> str:
        return f"{self.job(job_id)}/images/grid"

    def batch(self, batch_id: str) -> str:
        return f"{self.base}v1/batches/{batch_id}"

    def batch_jobs(self, batch_id: str) -> str:
        return f"{self.base}v1/jobs?batch={batch_id}"

    def model_image(self, name: str) -> str:
        return f"{self.base}v1/models/{name}/image"

    def asset(self, asset_id: str) -> str:
        return f"{self.base}v1/assets/{asset_id}"

    def asset_content(self, asset_id: str) -> str:
        return f"{self.asset(asset_id)}/content"

    def signed(self, signed: SignedUrl) -> str:
        """Return a signed URL in absolute form: a folder store's is relative to the API, an S3 store's is absolute."""
        return urljoin(self.base, signed.url.lstrip("/"))


def to_job(
    record: JobRecord,
    position: QueuePosition | None,
    urls: UrlBuilder,
    signer: UrlSigner | None,
    retention_s: int,
    eta: Eta | None = None,
    tenant_ends_ms: int | None = None,
) -> Job:
    """Return the job that `record` describes.

    `position` is `None` when the job is not queued or its position is not needed. Without a `signer` the job has no
    signed URLs. `retention_s`: seconds for which outputs are kept after the job's end, 0 for no limit.
    `tenant_ends_ms`: when all data of the tenant is deleted, if that is certain. Raises `RecordUnreadable` if a part of
    the record is damaged.
    """
    with _translated_errors(record):
        request = json.loads(record.request_json)
        runtime = decode_runtime(record.runtime_json)
        return Job(
            id=record.id,
            task=record.task,
            model=record.model,
            status=record.status,
            stage=Stage(record.stage) if record.stage and record.status is Status.RUNNING else None,
            version=record.version,
            created_at=timestamp(record.created_ms),
            started_at=None if record.started_ms is None else timestamp(record.started_ms),
            completed_at=None if record.completed_ms is None else timestamp(record.completed_ms),
            expires_at=_expires_at(record, retention_s, tenant_ends_ms),
            outputs_expired=record.outputs_expired,
            queue_position=None if position is None else position.jobs_ahead,
            eta_seconds=eta,
            wait_reason=_wait_reason(record, position),
            progress=_progress(record),
            outputs=_outputs(record, urls, signer),
            grid=_grid(record, urls, signer),
            error=JobError.model_validate_json(record.error_json) if record.error_json else None,
            warnings=decode_warnings(record.warnings_json),
            metrics=_metrics(record),
            attempt=record.attempt,
            max_attempts=record.max_attempts,
            worker=record.worker,
            model_revision=runtime.model_revision,
            device=runtime.device,
            dtype=runtime.dtype,
            exactness=runtime.exactness,
            request=request,
            metadata=request.get("metadata") or {},
            kept=record.kept,
            labels=decode_labels(record.labels_json),
            batch=_batch(record),
            retried_from=record.retried_from,
            door=record.door,
            urls=JobUrls(self=urls.job(record.id), cancel=urls.cancel(record.id), events=urls.events(record.id)),
        )


@contextlib.contextmanager
def _translated_errors(record: JobRecord) -> Generator[None]:
    """Raise errors of parsing a damaged record as `RecordUnreadable`."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        summary = str(error).partition("\n")[0]  # the rest may quote a prompt
        raise RecordUnreadable(record.id, f"{type(error).__name__}: {summary}") from error


def to_place(job: QueuedJob, eta: Eta | None) -> QueuePlace:
    """Return the place of a queued job."""
    return QueuePlace(
        id=job.id,
        queue_position=job.position.jobs_ahead,
        eta_seconds=eta,
        wait_reason=_queued_reason(job.position),
    )


def find_output(record: JobRecord, index: int) -> StoredOutput | None:
    """Return image `index`; `None` until it is finished."""
    return next((output for output in decode_outputs(record.outputs_json) if output.index == index), None)


def grid_key(record: JobRecord) -> str | None:
    """Return the object key of the grid; `None` until it is finished."""
    grid = decode_grid(record.grid_json)
    return grid.key if grid else None


def output_count(record: JobRecord) -> int:
    """Return the number of finished images."""
    return len(decode_outputs(record.outputs_json))


def retry_after_s(position: QueuePosition | None, eta: Eta | None) -> int:
    """Return the seconds until polling again is useful: the estimated remaining time, within 1 to 30 s.

    Without an estimate: 1 s while the job runs or is next in line, and one more for each job ahead.
    """
    if eta is not None:
        return min(max(1, math.ceil(eta.p50)), 30)
    if position is None:
        return 1
    if position.paused or not position.has_worker:
        return 10
    return min(1 + position.jobs_ahead, 30)


def _expires_at(record: JobRecord, retention_s: int, tenant_ends_ms: int | None) -> datetime | None:
    if record.completed_ms is None or record.kept:
        return None
    ends_ms = [tenant_ends_ms] if tenant_ends_ms else []
    if retention_s:
        ends_ms.append(record.completed_ms + retention_s * 1000)
    return timestamp(min(ends_ms)) if ends_ms else None


def _batch(record: JobRecord) -> JobBatch | None:
    if record.batch_id is None or record.batch_json is None:
        return None
    batch = decode_batch(record.batch_json)
    return JobBatch(id=record.batch_id, index=batch.index, values=batch.values)


def _wait_reason(record: JobRecord, position: QueuePosition | None) -> WaitReason | None:
    if record.status is Status.RUNNING and record.stage == Stage.LOADING_MODEL:
        return "loading_model"
    return None if position is None else _queued_reason(position)


def _queued_reason(position: QueuePosition) -> WaitReason:
    if position.paused:
        return "paused"
    return "queued" if position.has_worker else "no_worker_for_model"


def _progress(record: JobRecord) -> Progress:
    progress = decode_progress(record.progress_json)
    return Progress(
        value=1.0 if record.status is Status.SUCCEEDED else progress.fraction,
        step=progress.step,
        steps=progress.steps,
        images_done=progress.images_done,
        images_total=record.images,
        images=tuple(
            ImageProgress(index=index, step=image.step, steps=image.steps, status=image.status)
            for index, image in enumerate(progress.images)
        )
        if record.status in (Status.RUNNING, Status.CANCELING)
        else (),
    )


def _outputs(record: JobRecord, urls: UrlBuilder, signer: UrlSigner | None) -> tuple[Output, ...]:
    return tuple(_output(record.id, output, urls, signer) for output in decode_outputs(record.outputs_json))


def _output(job_id: str, output: StoredOutput, urls: UrlBuilder, signer: UrlSigner | None) -> Output:
    fields: dict[str, Any] = {**vars(output), "thumbnail": None}
    if small := output.thumbnail:
        small_urls = _file_urls(small.key, urls.thumbnail(job_id, output.index), urls, signer)
        fields["thumbnail"] = Thumbnail(**vars(small), **small_urls)
    return Output(**fields, **_file_urls(output.key, urls.image(job_id, output.index), urls, signer))


def _grid(record: JobRecord, urls: UrlBuilder, signer: UrlSigner | None) -> Grid | None:
    grid = decode_grid(record.grid_json)
    return Grid(**vars(grid), **_file_urls(grid.key, urls.grid(record.id), urls, signer)) if grid else None


class _FileUrls(TypedDict):
    """The fields of `ImageFile` that depend on the reader of the job."""

    url: str
    signed_url: str | None
    signed_url_expires_at: datetime | None


def _file_urls(key: str, url: str, urls: UrlBuilder, signer: UrlSigner | None) -> _FileUrls:
    signed = signer(key) if signer else None
    return {
        "url": url,
        "signed_url": urls.signed(signed) if signed else None,
        "signed_url_expires_at": signed.expires_at if signed else None,
    }


def _metrics(record: JobRecord) -> Metrics:
    left_queue_ms = record.started_ms or record.completed_ms
    return Metrics(
        **vars(decode_metrics(record.metrics_json)),
        queue_ms=None if left_queue_ms is None else left_queue_ms - record.created_ms,
        total_ms=None if record.completed_ms is None else record.completed_ms - record.created_ms,
    )
