"""`Client` and `AsyncClient`: same methods, arguments and errors."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Self, Unpack

from renderq._config import configure
from renderq._core.input_images import local_images, with_assets
from renderq._core.requests import fetch_job, get_stats, submit_job
from renderq._transport import AsyncTransport, Transport
from renderq.assets import Assets, AsyncAssets
from renderq.catalog import AsyncModels, AsyncTenants, AsyncWorkers, Models, Tenants, Workers
from renderq.contract import Job, Stats
from renderq.images import AsyncImage, AsyncImages, Image, Images
from renderq.job_handle import AsyncJobHandle, JobHandle
from renderq.jobs import AsyncJobs, Jobs
from renderq.request_params import RequestParams

TIMEOUT = 30.0
MAX_RETRIES = 4


class Client:
    """Synchronous client of a renderq service. Thread-safe. Close it, or use it in a `with` block.

    `base_url` defaults to `RENDERQ_URL`, else `http://127.0.0.1:8400`; `api_key` to `RENDERQ_API_KEY`, else none.
    `timeout`: seconds that one attempt waits for the next byte. `max_retries`: further attempts after a lost
    connection, 408, 429 or 5xx; they never submit a job twice. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self._transport = Transport(configure(base_url, api_key, timeout, max_retries, os.environ))
        self.jobs = Jobs(self._transport)
        self.assets = Assets(self._transport)
        self.models = Models(self._transport)
        self.workers = Workers(self._transport)
        self.tenants = Tenants(self._transport)

    def run(
        self,
        prompt: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Job], None] | None = None,
        idempotency_key: str | None = None,
        **fields: Unpack[RequestParams],
    ) -> Job:
        """Submit a job and wait for it, at most `timeout` seconds. `images` gives access to its images.

        Arguments and errors are those of `submit` and `JobHandle.wait`.
        """
        handle = self.submit(prompt, idempotency_key=idempotency_key, **fields)
        return handle.wait(timeout, on_progress)

    def submit(
        self, prompt: str | None = None, *, idempotency_key: str | None = None, **fields: Unpack[RequestParams]
    ) -> JobHandle:
        """Submit a job. `RequestParams` describes the fields; some tasks need no prompt.

        Calls with the same `idempotency_key` (1 … 255 characters) within 24 hours make one job, also across
        processes; without a key every call makes a job. Local images are uploaded first. Raises `InvalidRequest`,
        `RateLimited`, `ServiceUnavailable`, `ConnectionFailed` and other kinds of `APIError`, and `OSError` for an
        image that cannot be read.
        """
        uploaded = {name: self.assets.upload(source) for name, source in local_images(fields).items()}
        call = submit_job(prompt, with_assets(fields, uploaded), idempotency_key)
        return JobHandle(self._transport, self._transport.call(call))

    def job(self, job_id: str) -> JobHandle:
        """Get a job submitted earlier. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return JobHandle(self._transport, self._transport.call(fetch_job(job_id)))

    def images(self, job: Job) -> Images:
        """Return the finished images of a job. They are downloaded on access."""
        return Images(Image(self._transport, job, output) for output in job.outputs)

    def grid(self, job: Job) -> Image | None:
        """Return the grid of a job, if it has one. It is downloaded on access."""
        return Image(self._transport, job, job.grid) if job.grid else None

    def stats(self) -> Stats:
        """Return the service's load. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_stats())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """Client of a renderq service for asyncio. Close it, or use it in an `async with` block.

    `base_url` defaults to `RENDERQ_URL`, else `http://127.0.0.1:8400`; `api_key` to `RENDERQ_API_KEY`, else none.
    `timeout`: seconds that one attempt waits for the next byte. `max_retries`: further attempts after a lost
    connection, 408, 429 or 5xx; they never submit a job twice. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self._transport = AsyncTransport(configure(base_url, api_key, timeout, max_retries, os.environ))
        self.jobs = AsyncJobs(self._transport)
        self.assets = AsyncAssets(self._transport)
        self.models = AsyncModels(self._transport)
        self.workers = AsyncWorkers(self._transport)
        self.tenants = AsyncTenants(self._transport)

    async def run(
        self,
        prompt: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the job, not of this call
        on_progress: Callable[[Job], None] | None = None,
        idempotency_key: str | None = None,
        **fields: Unpack[RequestParams],
    ) -> Job:
        """Submit a job and wait for it, at most `timeout` seconds. `images` gives access to its images.

        Arguments and errors are those of `submit` and `AsyncJobHandle.wait`. Canceling the asyncio task does not
        cancel the job.
        """
        handle = await self.submit(prompt, idempotency_key=idempotency_key, **fields)
        return await handle.wait(timeout, on_progress)

    async def submit(
        self, prompt: str | None = None, *, idempotency_key: str | None = None, **fields: Unpack[RequestParams]
    ) -> AsyncJobHandle:
        """Submit a job. `RequestParams` describes the fields; some tasks need no prompt.

        Calls with the same `idempotency_key` (1 … 255 characters) within 24 hours make one job, also across
        processes; without a key every call makes a job. Local images are uploaded first. Raises `InvalidRequest`,
        `RateLimited`, `ServiceUnavailable`, `ConnectionFailed` and other kinds of `APIError`, and `OSError` for an
        image that cannot be read.
        """
        uploaded = {name: await self.assets.upload(source) for name, source in local_images(fields).items()}
        call = submit_job(prompt, with_assets(fields, uploaded), idempotency_key)
        return AsyncJobHandle(self._transport, await self._transport.call(call))

    async def job(self, job_id: str) -> AsyncJobHandle:
        """Get a job submitted earlier. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        job = await self._transport.call(fetch_job(job_id))
        return AsyncJobHandle(self._transport, job)

    def images(self, job: Job) -> AsyncImages:
        """Return the finished images of a job. They are downloaded on access."""
        return AsyncImages(AsyncImage(self._transport, job, output) for output in job.outputs)

    def grid(self, job: Job) -> AsyncImage | None:
        """Return the grid of a job, if it has one. It is downloaded on access."""
        return AsyncImage(self._transport, job, job.grid) if job.grid else None

    async def stats(self) -> Stats:
        """Return the service's load. Raises `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_stats())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
