"""Batch → `Batch` as its owner sees it. Pure: no clock, no store."""

from collections import Counter
from collections.abc import Sequence

from renderq.contract import Batch, BatchCounts, BatchStatus, BatchUrls, Eta, Status
from renderq_api.http.timestamps import timestamp
from renderq_api.job_views.batch_snapshot import BatchSnapshot
from renderq_api.job_views.job_view import UrlBuilder


def to_batch(batch: BatchSnapshot, etas: Sequence[Eta | None], urls: UrlBuilder) -> Batch:
    """Return the batch. `etas`: of its open jobs."""
    counts = Counter(batch.statuses.values())
    by_name = {status.value: count for status, count in counts.items()}
    url = urls.batch(batch.id)
    return Batch(
        id=batch.id,
        status=_status(counts),
        created_at=timestamp(batch.created_ms),
        jobs=batch.jobs,
        counts=BatchCounts(**by_name, deleted=batch.jobs - counts.total()),
        eta_seconds=_last(etas),
        urls=BatchUrls(self=url, cancel=f"{url}/cancel", retry=f"{url}/retry", jobs=urls.batch_jobs(batch.id)),
    )


def _status(counts: Counter[Status]) -> BatchStatus:
    if all(status.is_terminal for status in counts):
        return "ended"
    has_started = {Status.RUNNING, Status.CANCELING, Status.SUCCEEDED, Status.FAILED} & counts.keys()
    return "running" if has_started else "queued"


def _last(etas: Sequence[Eta | None]) -> Eta | None:
    """Return the latest of the estimates; `None` if one is unknown."""
    known = [eta for eta in etas if eta is not None]
    if not known or len(known) < len(etas):
        return None
    return Eta(p50=max(eta.p50 for eta in known), p90=max(eta.p90 for eta in known))
