"""Job record → `Job` as its owner sees it. Pure: no clock, no store, no request."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from urllib.parse import urljoin

from renderq.contract import (
    Eta,
    Grid,
    Job,
    JobError,
    JobUrls,
    Metrics,
    Output,
    Progress,
    Stage,
    Status,
    WaitReason,
)
from renderq_api.http.timestamps import timestamp
from renderq_shared.jobs import JobRecord, QueuePosition
from renderq_shared.jobs.stored_results import (
    StoredFile,
    decode_grid,
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
    """Absolute URLs, under the host name by which the client reached the API."""

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

    def grid(self, job_id: str) -> str:
        return f"{self.job(job_id)}/images/grid"

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
) -> Job:
    """Return the job that `record` describes.

    `position` is `None` when the job is not queued or its position is not needed. Without a `signer` the job has no
    signed URLs. `retention_s`: seconds for which outputs are kept after the job's end, 0 for no limit.
    """
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
        expires_at=timestamp(record.completed_ms + retention_s * 1000) if record.completed_ms and retention_s else None,
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
        batch_invariant=runtime.batch_invariant,
        request=request,
        metadata=request["metadata"],
        retried_from=record.retried_from,
        urls=JobUrls(self=urls.job(record.id), cancel=urls.cancel(record.id), events=urls.events(record.id)),
    )


def output_key(record: JobRecord, index: int) -> str | None:
    """Return the object key of image `index`; `None` until it is finished."""
    return next((output.key for output in decode_outputs(record.outputs_json) if output.index == index), None)


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


def _wait_reason(record: JobRecord, position: QueuePosition | None) -> WaitReason | None:
    if record.status is Status.RUNNING and record.stage == Stage.LOADING_MODEL:
        return "loading_model"
    if position is None:
        return None
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
    )


def _outputs(record: JobRecord, urls: UrlBuilder, signer: UrlSigner | None) -> tuple[Output, ...]:
    return tuple(
        Output(**vars(output), **_file_urls(output, urls.image(record.id, output.index), urls, signer))
        for output in decode_outputs(record.outputs_json)
    )


def _grid(record: JobRecord, urls: UrlBuilder, signer: UrlSigner | None) -> Grid | None:
    grid = decode_grid(record.grid_json)
    return Grid(**vars(grid), **_file_urls(grid, urls.grid(record.id), urls, signer)) if grid else None


class _FileUrls(TypedDict):
    """The fields of `ImageFile` that depend on the reader of the job."""

    url: str
    signed_url: str | None
    signed_url_expires_at: datetime | None


def _file_urls(file: StoredFile, url: str, urls: UrlBuilder, signer: UrlSigner | None) -> _FileUrls:
    signed = signer(file.key) if signer else None
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
