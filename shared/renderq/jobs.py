"""Listing and deleting jobs: `client.jobs`."""

from collections.abc import AsyncGenerator, Generator
from typing import Unpack

from renderq._core.requests import delete_job, list_jobs
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Job
from renderq.request_params import JobFilters


class Jobs:
    """The jobs visible to this API key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, page_size: int = 20, **filters: Unpack[JobFilters]) -> Generator[Job]:
        """Yield all jobs that match, newest first. Pages of `page_size` (1 … 100) are fetched as needed.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
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


class AsyncJobs:
    """The jobs visible to this API key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, *, page_size: int = 20, **filters: Unpack[JobFilters]) -> AsyncGenerator[Job]:
        """Yield all jobs that match, newest first. Pages of `page_size` (1 … 100) are fetched as needed.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
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
