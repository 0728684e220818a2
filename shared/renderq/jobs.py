"""Listing, keeping, canceling and deleting jobs: `client.jobs`."""

from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from typing import Unpack

from renderq._core.bulk import chunks, sum_canceled, sum_deleted
from renderq._core.requests import (
    annotate_job,
    cancel_jobs,
    cancel_queued_jobs,
    delete_job,
    delete_jobs,
    list_jobs,
)
from renderq._transport import AsyncTransport, Transport
from renderq.contract import CancelJobsResult, DeleteJobsResult, Job
from renderq.request_params import JobFilters


class Jobs:
    """The jobs visible to this API key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, page_size: int = 20, **filters: Unpack[JobFilters]) -> Generator[Job]:
        """Yield all jobs that match, newest first. Pages of `page_size` (1 … 100) are fetched as needed.

        Raises `InvalidArgument`, `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
        """
        cursor = None
        while True:
            page = self._transport.call(list_jobs(page_size, filters, cursor))
            yield from page.data
            if (cursor := page.next_cursor) is None:
                return

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, and its images.

        Raises `InvalidRequest` if it has not ended, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        self._transport.call(delete_job(job_id))

    def delete_many(self, job_ids: Iterable[str]) -> DeleteJobsResult:
        """Delete jobs that have ended, and their images. `refusals` of the result names those that were left.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError`.
        """
        return sum_deleted([self._transport.call(delete_jobs(ids)) for ids in chunks(job_ids)])

    def cancel_many(self, job_ids: Iterable[str]) -> CancelJobsResult:
        """Cancel jobs, queued or running. `refusals` of the result names those that do not exist.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError`.
        """
        return sum_canceled([self._transport.call(cancel_jobs(ids)) for ids in chunks(job_ids)])

    def cancel_queued(self, *, model: str | None = None) -> CancelJobsResult:
        """Cancel all queued jobs, or those of one model. Running jobs continue.

        Raises `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(cancel_queued_jobs(model))

    def annotate(self, job_id: str, *, kept: bool | None = None, labels: Sequence[str] | None = None) -> Job:
        """Keep a job, so that retention never deletes it and its images, and replace its labels; set what is given.

        Works in any status. Raises `InvalidArgument`, `InvalidRequest`, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(annotate_job(job_id, kept, labels))


class AsyncJobs:
    """The jobs visible to this API key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, *, page_size: int = 20, **filters: Unpack[JobFilters]) -> AsyncGenerator[Job]:
        """Yield all jobs that match, newest first. Pages of `page_size` (1 … 100) are fetched as needed.

        Raises `InvalidArgument`, `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
        """
        cursor = None
        while True:
            page = await self._transport.call(list_jobs(page_size, filters, cursor))
            for job in page.data:
                yield job
            if (cursor := page.next_cursor) is None:
                return

    async def delete(self, job_id: str) -> None:
        """Delete a job that has ended, and its images.

        Raises `InvalidRequest` if it has not ended, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        await self._transport.call(delete_job(job_id))

    async def delete_many(self, job_ids: Iterable[str]) -> DeleteJobsResult:
        """Delete jobs that have ended, and their images. `refusals` of the result names those that were left.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError`.
        """
        return sum_deleted([await self._transport.call(delete_jobs(ids)) for ids in chunks(job_ids)])

    async def cancel_many(self, job_ids: Iterable[str]) -> CancelJobsResult:
        """Cancel jobs, queued or running. `refusals` of the result names those that do not exist.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError`.
        """
        return sum_canceled([await self._transport.call(cancel_jobs(ids)) for ids in chunks(job_ids)])

    async def cancel_queued(self, *, model: str | None = None) -> CancelJobsResult:
        """Cancel all queued jobs, or those of one model. Running jobs continue.

        Raises `ConnectionFailed` and `APIError`.
        """
        return await self._transport.call(cancel_queued_jobs(model))

    async def annotate(self, job_id: str, *, kept: bool | None = None, labels: Sequence[str] | None = None) -> Job:
        """Keep a job, so that retention never deletes it and its images, and replace its labels; set what is given.

        Works in any status. Raises `InvalidArgument`, `InvalidRequest`, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        return await self._transport.call(annotate_job(job_id, kept, labels))
