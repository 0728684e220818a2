"""`Client` and `AsyncClient`: same methods, arguments and errors."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from datetime import date
from types import TracebackType
from typing import Self, Unpack

from renderq._config import configure, describe
from renderq._core.image_sources import read_image
from renderq._core.input_images import local_images
from renderq._core.requests import (
    fetch_job,
    get_failures,
    get_load_history,
    get_me,
    get_stats,
    get_usage,
    submit_job,
    upload_asset,
    with_assets,
)
from renderq._core.retries import Deadline
from renderq._core.tenant_events import TenantEvent, stream_events
from renderq._core.wait import wait_retries
from renderq._retry import Retry
from renderq._transport import AsyncTransport, Transport
from renderq.assets import Assets, AsyncAssets
from renderq.batches import AsyncBatches, Batches
from renderq.catalog import AsyncModels, AsyncTenants, AsyncWorkers, Models, Tenants, Workers
from renderq.contract import FailureCount, Job, LoadMinute, Me, Stats, UsageDay
from renderq.deliveries import AsyncDeliveries, Deliveries
from renderq.images import AsyncImage, AsyncImages, Image, Images
from renderq.job_handle import AsyncJobHandle, JobHandle
from renderq.jobs import AsyncJobs, Jobs
from renderq.request_params import RequestParams

TIMEOUT = 30.0
MAX_RETRIES = 4


class Client:
    """Synchronous client of a renderq service. Thread-safe. Close it, or use it in a `with` block.

    `base_url` defaults to `RENDERQ_URL`, else `http://127.0.0.1:8400`; `api_key` to `RENDERQ_API_KEY`, else none.
    `timeout`: seconds that one attempt waits for the next byte. `max_retries`: further attempts of a call after a lost
    connection, 408, 429 or 5xx; they never submit a job twice. Waits are bounded by their own timeouts instead.
    `on_retry` is called before the pause of every further attempt; by default those that take seconds are logged as
    warnings of the logger `renderq`: `no answer since 12 s, still trying`. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        self._transport = Transport(configure(base_url, api_key, timeout, max_retries, os.environ, on_retry))
        self.jobs = Jobs(self._transport)
        self.batches = Batches(self._transport)
        self.assets = Assets(self._transport)
        self.models = Models(self._transport)
        self.workers = Workers(self._transport)
        self.tenants = Tenants(self._transport)
        self.deliveries = Deliveries(self._transport)

    def __repr__(self) -> str:
        return describe("Client", self._transport.configuration)

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

        The timeout holds for both. Arguments and errors are those of `submit` and `JobHandle.wait`.
        """
        deadline = Deadline.after(timeout)
        handle = self._submit(prompt, fields, idempotency_key, deadline)
        return handle._wait(deadline, on_progress)  # pyright: ignore[reportPrivateUsage]

    def submit(
        self,
        prompt: str | None = None,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        **fields: Unpack[RequestParams],
    ) -> JobHandle:
        """Submit a job. `RequestParams` describes the fields; some tasks need no prompt.

        Calls with the same `idempotency_key` (1 … 255 characters) within 24 hours make one job, also across
        processes; without a key every call makes a job. Local images are uploaded first. With a `timeout`, it is
        repeated for that many seconds while the service does not answer or a quota is used up. Raises
        `InvalidArgument` for values that cannot be sent, `InvalidRequest`, `RateLimited`, `ServiceUnavailable`,
        `ConnectionFailed` and other kinds of `APIError`, and `OSError` for an image that cannot be read.
        """
        return self._submit(prompt, fields, idempotency_key, Deadline.after(timeout))

    def job(self, job_id: str) -> JobHandle:
        """Get a job submitted earlier. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return JobHandle(self._transport, self._transport.call(fetch_job(job_id)))

    def images(self, job: Job) -> Images:
        """Return the finished images of a job. They are downloaded on access."""
        return Images(Image(self._transport, job, output) for output in job.outputs)

    def grid(self, job: Job) -> Image | None:
        """Return the grid of a job, if it has one. It is downloaded on access."""
        return Image(self._transport, job, job.grid) if job.grid else None

    def events(self, *, previews: Sequence[str] = (), timeout: float | None = None) -> Generator[TenantEvent]:
        """Yield what happens to all jobs of the tenant as it happens, and the load of the service.

        `ready` is first, and comes again whenever changes may have been missed, such as after a lost connection: list
        the jobs then. Changes that arrive faster than they are consumed are merged into the newest of each job.
        `previews`: ids of up to four jobs, whose previews come while they run. Ends after `timeout` seconds. Outages
        are waited out as by `JobHandle.wait`. Raises `ConnectionFailed` and `APIError`.
        """
        received: deque[TenantEvent] = deque()
        retries = wait_retries(self._transport.configuration, Deadline.after(timeout))
        flow = stream_events(previews, self._transport.configuration, received.append, retries)
        with contextlib.closing(self._transport.iterate(flow, received)) as events:
            yield from events

    def me(self) -> Me:
        """Return whom the service takes the client for, and its limits. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_me())

    def stats(self) -> Stats:
        """Return the service's load. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_stats())

    def load_history(self) -> tuple[LoadMinute, ...]:
        """Return the service's load in the last day, by minutes. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_load_history()).data

    def usage(
        self, *, since: date | None = None, until: date | None = None, tenant: str | None = None
    ) -> tuple[UsageDay, ...]:
        """Return what ended jobs used, by day (UTC): from `since` (default: 30 days before) to `until` (today).

        `tenant`: another tenant, or `*` for all; needs the role admin. Raises `InvalidRequest`, `Forbidden`,
        `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(get_usage(since, until, tenant)).data

    def failures(self, *, since: date | None = None) -> tuple[FailureCount, ...]:
        """Return the failures of all tenants since a day (default: 6 days ago), by code, model and worker.

        Needs the role admin. Raises `Forbidden`, `ConnectionFailed` and `APIError`.
        """
        return self._transport.call(get_failures(since)).data

    def _submit(
        self, prompt: str | None, fields: RequestParams, idempotency_key: str | None, deadline: Deadline
    ) -> JobHandle:
        call = submit_job(prompt, fields, idempotency_key)
        files = {name: read_image(source, name) for name, source in local_images(fields).items()}
        uploaded = {name: self._transport.call(upload_asset(file), deadline) for name, file in files.items()}
        return JobHandle(self._transport, self._transport.call(with_assets(call, uploaded), deadline))

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
    `timeout`: seconds that one attempt waits for the next byte. `max_retries`: further attempts of a call after a lost
    connection, 408, 429 or 5xx; they never submit a job twice. Waits are bounded by their own timeouts instead.
    `on_retry` is called before the pause of every further attempt; by default those that take seconds are logged as
    warnings of the logger `renderq`: `no answer since 12 s, still trying`. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        self._transport = AsyncTransport(configure(base_url, api_key, timeout, max_retries, os.environ, on_retry))
        self.jobs = AsyncJobs(self._transport)
        self.batches = AsyncBatches(self._transport)
        self.assets = AsyncAssets(self._transport)
        self.models = AsyncModels(self._transport)
        self.workers = AsyncWorkers(self._transport)
        self.tenants = AsyncTenants(self._transport)
        self.deliveries = AsyncDeliveries(self._transport)

    def __repr__(self) -> str:
        return describe("AsyncClient", self._transport.configuration)

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

        The timeout holds for both. Arguments and errors are those of `submit` and `AsyncJobHandle.wait`. Canceling the
        asyncio task does not cancel the job.
        """
        deadline = Deadline.after(timeout)
        handle = await self._submit(prompt, fields, idempotency_key, deadline)
        return await handle._wait(deadline, on_progress)  # pyright: ignore[reportPrivateUsage]

    async def submit(
        self,
        prompt: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the outage, not of this call
        idempotency_key: str | None = None,
        **fields: Unpack[RequestParams],
    ) -> AsyncJobHandle:
        """Submit a job. `RequestParams` describes the fields; some tasks need no prompt.

        Calls with the same `idempotency_key` (1 … 255 characters) within 24 hours make one job, also across
        processes; without a key every call makes a job. Local images are uploaded first. With a `timeout`, it is
        repeated for that many seconds while the service does not answer or a quota is used up. Raises
        `InvalidArgument` for values that cannot be sent, `InvalidRequest`, `RateLimited`, `ServiceUnavailable`,
        `ConnectionFailed` and other kinds of `APIError`, and `OSError` for an image that cannot be read.
        """
        return await self._submit(prompt, fields, idempotency_key, Deadline.after(timeout))

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

    async def events(
        self,
        *,
        previews: Sequence[str] = (),
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the iteration, not of this call
    ) -> AsyncGenerator[TenantEvent]:
        """Yield what happens to all jobs of the tenant as it happens, and the load of the service.

        `ready` is first, and comes again whenever changes may have been missed, such as after a lost connection: list
        the jobs then. Changes that arrive faster than they are consumed are merged into the newest of each job.
        `previews`: ids of up to four jobs, whose previews come while they run. Ends after `timeout` seconds. Outages
        are waited out as by `AsyncJobHandle.wait`. Raises `ConnectionFailed` and `APIError`.
        """
        received: deque[TenantEvent] = deque()
        retries = wait_retries(self._transport.configuration, Deadline.after(timeout))
        flow = stream_events(previews, self._transport.configuration, received.append, retries)
        async with contextlib.aclosing(self._transport.iterate(flow, received)) as events:
            async for event in events:
                yield event

    async def me(self) -> Me:
        """Return whom the service takes the client for, and its limits. Raises `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_me())

    async def stats(self) -> Stats:
        """Return the service's load. Raises `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_stats())

    async def load_history(self) -> tuple[LoadMinute, ...]:
        """Return the service's load in the last day, by minutes. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(get_load_history())).data

    async def usage(
        self, *, since: date | None = None, until: date | None = None, tenant: str | None = None
    ) -> tuple[UsageDay, ...]:
        """Return what ended jobs used, by day (UTC): from `since` (default: 30 days before) to `until` (today).

        `tenant`: another tenant, or `*` for all; needs the role admin. Raises `InvalidRequest`, `Forbidden`,
        `ConnectionFailed` and `APIError`.
        """
        return (await self._transport.call(get_usage(since, until, tenant))).data

    async def failures(self, *, since: date | None = None) -> tuple[FailureCount, ...]:
        """Return the failures of all tenants since a day (default: 6 days ago), by code, model and worker.

        Needs the role admin. Raises `Forbidden`, `ConnectionFailed` and `APIError`.
        """
        return (await self._transport.call(get_failures(since))).data

    async def _submit(
        self, prompt: str | None, fields: RequestParams, idempotency_key: str | None, deadline: Deadline
    ) -> AsyncJobHandle:
        call = submit_job(prompt, fields, idempotency_key)
        local = local_images(fields).items()
        files = {name: await asyncio.to_thread(read_image, source, name) for name, source in local}
        uploaded = {name: await self._transport.call(upload_asset(file), deadline) for name, file in files.items()}
        return AsyncJobHandle(self._transport, await self._transport.call(with_assets(call, uploaded), deadline))

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
