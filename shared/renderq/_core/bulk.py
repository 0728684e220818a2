"""Bulk operations on more jobs than one request takes."""

from collections.abc import Iterable, Iterator, Sequence

from renderq.contract import LIMITS, CancelJobsResult, DeleteJobsResult
from renderq.errors import InvalidArgument


def chunks(job_ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield the ids in lists that one request takes. Raises `InvalidArgument` for one id instead of several."""
    if isinstance(job_ids, str):
        raise InvalidArgument(f"job_ids must be several ids, not one text; got {job_ids[:64]!r}")
    ids = list(job_ids)
    for start in range(0, len(ids), LIMITS.bulk_jobs):
        yield ids[start : start + LIMITS.bulk_jobs]


def sum_canceled(results: Iterable[CancelJobsResult]) -> CancelJobsResult:
    """Return what several requests did."""
    parts = list(results)
    return CancelJobsResult(
        canceled=sum(part.canceled for part in parts),
        unchanged=sum(part.unchanged for part in parts),
        refusals=tuple(refusal for part in parts for refusal in part.refusals),
    )


def sum_deleted(results: Iterable[DeleteJobsResult]) -> DeleteJobsResult:
    """Return what several requests did."""
    parts = list(results)
    return DeleteJobsResult(
        deleted=sum(part.deleted for part in parts),
        refusals=tuple(refusal for part in parts for refusal in part.refusals),
    )
