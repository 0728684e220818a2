"""A job's record → the job as its owner sees it. Pure: no clock, no store, no request."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from renderq.contract import (
    Eta,
    Grid,
    Job,
    JobError,
    JobUrls,
    JobWarning,
    Metrics,
    Output,
    Progress,
    Stage,
    Status,
    WaitReason,
)
from renderq_shared.jobs.records import JobRecord, QueuePosition
from renderq_shared.objects import SignedUrl

UrlSigner = Callable[[str], SignedUrl]
"""Object key → a fresh address that works without credentials."""


@dataclass(frozen=True, slots=True)
class UrlBuilder:
    """Absolute addresses, under the name by which the client reached us."""

    base: str
    """With a slash at its end."""
    events_token: Callable[[str], str] | None = None
    """Job id → what opens its events to a browser, where that needs to prove something."""

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
        """A folder's addresses are paths below our own; an S3 store's are absolute already."""
        return urljoin(self.base, signed.url.lstrip("/"))


def to_job(
    record: JobRecord,
    position: QueuePosition | None,
    urls: UrlBuilder,
    signer: UrlSigner | None,
    retention_s: int,
    eta: Eta | None = None,
) -> Job:
    """`place` is `None` when the job is not queued, or when nobody asked for its place; `sign`, without signatures.

    `retention_s`: seconds for which pictures are kept after the job's end, 0 for ever.
    """
    request: dict[str, Any] = json.loads(record.request_json)
    runtime: dict[str, Any] = json.loads(record.runtime_json or "{}")
    return Job(
        id=record.id,
        task=record.task,
        model=record.model,
        status=record.status,
        stage=Stage(record.stage) if record.stage and record.status is Status.RUNNING else None,
        version=record.version,
        created_at=_timestamp(record.created_ms),
        started_at=None if record.started_ms is None else _timestamp(record.started_ms),
        completed_at=None if record.completed_ms is None else _timestamp(record.completed_ms),
        expires_at=_timestamp(record.completed_ms + retention_s * 1000)
        if record.completed_ms and retention_s
        else None,
        outputs_expired=record.outputs_expired,
        queue_position=None if position is None else position.jobs_ahead,
        eta_seconds=eta,
        wait_reason=_wait_reason(record, position),
        progress=_progress(record),
        outputs=tuple(_output(output, record.id, urls, signer) for output in json.loads(record.outputs_json or "[]")),
        grid=_grid(record, urls, signer),
        error=JobError.model_validate_json(record.error_json) if record.error_json else None,
        warnings=tuple(JobWarning.model_validate(warning) for warning in json.loads(record.warnings_json or "[]")),
        metrics=_metrics(record),
        attempt=record.attempt,
        max_attempts=record.max_attempts,
        worker=record.worker,
        model_revision=runtime.get("model_revision"),
        device=runtime.get("device"),
        dtype=runtime.get("dtype"),
        batch_invariant=runtime.get("batch_invariant"),
        request=request,
        metadata=request["metadata"],
        retried_from=record.retried_from,
        urls=JobUrls(self=urls.job(record.id), cancel=urls.cancel(record.id), events=urls.events(record.id)),
    )


def output_key(record: JobRecord, index: int) -> str | None:
    """Where the store keeps picture `index`, once it is finished."""
    for output in json.loads(record.outputs_json or "[]"):
        if output["index"] == index:
            return output["key"]
    return None


def grid_key(record: JobRecord) -> str | None:
    """Where the store keeps the grid, once it is finished."""
    return json.loads(record.grid_json)["key"] if record.grid_json else None


def output_count(record: JobRecord) -> int:
    """How many pictures are finished."""
    return len(json.loads(record.outputs_json or "[]"))


def retry_after_s(position: QueuePosition | None, eta: Eta | None) -> int:
    """Seconds until asking again is worth it: at the estimated end, within 1 to 30 s; where nothing is known soon while
    it runs or is next, later the more jobs are ahead."""
    if eta is not None:
        return min(max(1, math.ceil(eta.p50)), 30)
    if position is None:
        return 1
    if position.paused or not position.has_worker:
        return 10
    return min(1 + position.jobs_ahead, 30)


def _timestamp(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _wait_reason(record: JobRecord, place: QueuePosition | None) -> WaitReason | None:
    if record.status is Status.RUNNING and record.stage == Stage.LOADING_MODEL:
        return "loading_model"
    if place is None:
        return None
    if place.paused:
        return "paused"
    return "queued" if place.has_worker else "no_worker_for_model"


def _progress(record: JobRecord) -> Progress:
    done: dict[str, Any] = json.loads(record.progress_json or "{}")
    step, steps = done.get("step", 0), done.get("steps", 0)
    share = step / steps if steps else 0.0
    return Progress(
        value=1.0 if record.status is Status.SUCCEEDED else share,
        step=step,
        steps=steps,
        images_done=done.get("images_done", 0),
        images_total=record.images,
    )


def _output(output: dict[str, Any], job_id: str, links: UrlBuilder, sign: UrlSigner | None) -> Output:
    return Output.model_validate(_addressed(output, links.image(job_id, output["index"]), links, sign))


def _grid(record: JobRecord, links: UrlBuilder, sign: UrlSigner | None) -> Grid | None:
    if not record.grid_json:
        return None
    return Grid.model_validate(_addressed(json.loads(record.grid_json), links.grid(record.id), links, sign))


def _addressed(picture: dict[str, Any], url: str, links: UrlBuilder, sign: UrlSigner | None) -> dict[str, Any]:
    signed = sign(picture["key"]) if sign else None
    return {
        **picture,
        "url": url,
        "signed_url": links.signed(signed) if signed else None,
        "signed_url_expires_at": signed.expires_at if signed else None,
    }


def _metrics(record: JobRecord) -> Metrics:
    measured: dict[str, Any] = json.loads(record.metrics_json or "{}")
    left_queue = record.started_ms or record.completed_ms
    return Metrics.model_validate(
        {
            **measured,
            "queue_ms": None if left_queue is None else left_queue - record.created_ms,
            "total_ms": None if record.completed_ms is None else record.completed_ms - record.created_ms,
        }
    )
