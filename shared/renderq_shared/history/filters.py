"""Filters of a list: as conditions on the tables, and as a predicate on records of the job store."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, literal_column, not_, select, tuple_

from renderq.contract import Status
from renderq_shared.history.job_rows import entry_digest, error_code, read_request, searched_words
from renderq_shared.history.records import HistoryFilter
from renderq_shared.history.tables import job_metadata, jobs, labels
from renderq_shared.history.text_index import TextIndex
from renderq_shared.jobs import JobPosition, JobRecord
from renderq_shared.jobs.stored_results import decode_labels


def conditions(tenant: str, job_filter: HistoryFilter, text_index: TextIndex) -> list[ColumnElement[bool]]:
    """Return the conditions that a tenant's jobs must all meet."""
    found = [jobs.c.tenant == tenant]
    for column, value in (
        (jobs.c.status, job_filter.status and job_filter.status.value),
        (jobs.c.model, job_filter.model),
        (jobs.c.task, job_filter.task),
        (jobs.c.error_code, job_filter.error_code),
        (jobs.c.seed, job_filter.seed),
        (jobs.c.batch_id, job_filter.batch_id),
    ):
        if value is not None:
            found.append(column == value)
    # A partial index is used only by a query that repeats its condition.
    if job_filter.status not in {None, Status.SUCCEEDED}:
        found.append(jobs.c.status != literal_column("'succeeded'"))
    if job_filter.kept is not None:
        found.append(jobs.c.kept if job_filter.kept else not_(jobs.c.kept))
    if job_filter.created_after_ms is not None:
        found.append(jobs.c.created_ms > job_filter.created_after_ms)
    if job_filter.created_before_ms is not None:
        found.append(jobs.c.created_ms < job_filter.created_before_ms)
    for label in job_filter.labels:
        labeled = select(labels.c.key).where(labels.c.tenant == tenant, labels.c.label == label)
        found.append(jobs.c.key.in_(labeled))
    for name, value in job_filter.metadata:
        entries = select(job_metadata.c.key).where(
            job_metadata.c.tenant == tenant, job_metadata.c.entry_sha256 == entry_digest(name, value)
        )
        found.append(jobs.c.key.in_(entries))
    if job_filter.search:
        found.append(jobs.c.key.in_(text_index.matches(tenant, job_filter.search)))
    return found


def positioned_before(position: JobPosition) -> ColumnElement[bool]:
    """Return the condition for jobs after a position of a list, which is sorted by time and id, newest first."""
    return tuple_(jobs.c.created_ms, jobs.c.id) < (position.created_ms, position.job_id)


def matches(job: JobRecord, job_filter: HistoryFilter) -> bool:
    """Return whether a job meets the conditions beyond those of `JobFilter`, which the job store itself checks."""
    given = ((job_filter.kept, job.kept), (job_filter.error_code, error_code(job)))
    if any(value is not None and value != actual for value, actual in given):
        return False
    if not set(job_filter.labels) <= set(decode_labels(job.labels_json)):
        return False
    if job_filter.seed is None and not job_filter.metadata and job_filter.search is None:
        return True  # without parsing the request
    request = read_request(job)
    return (
        job_filter.seed in {None, request.get("seed")}
        and set(job_filter.metadata) <= (request.get("metadata") or {}).items()
        and (job_filter.search is None or _contains(searched_words(request), job_filter.search.phrases))
    )


def _contains(words: Sequence[str], phrases: Sequence[Sequence[str]]) -> bool:
    text = f" {' '.join(words)} "
    return all(f" {' '.join(phrase)} " in text for phrase in phrases)
