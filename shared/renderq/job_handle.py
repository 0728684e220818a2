"""Handle of a submitted job: status, wait, events, cancel, retry, images."""

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Literal

from renderq._core.events import JobEvent
from renderq._core.requests import cancel_job, delete_job, fetch_job, move_job, retry_job
from renderq._core.retries import Deadline
from renderq._core.wait import follow, wait_for
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Job, Status
from renderq.images import AsyncImage, AsyncImages, Image, Images


class JobHandle:
    """A submitted job. `client.job(id)` returns a handle for a known id."""

    def __init__(self, transport: Transport, job: Job) -> None:
        self._transport = transport
        self.job = job
        """The latest snapshot of the job."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job!r}>"

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def images(self) -> Images:
        """The images finished as of the latest snapshot."""
        return Images(Image(self._transport, self.job, output) for output in self.job.outputs)

    @property
    def grid(self) -> Image | None:
        """All images in one, if `output` requested a grid and the job has succeeded as of the latest snapshot."""
        return Image(self._transport, self.job, self.job.grid) if self.job.grid else None

    def status(self) -> Status:
        """Fetch the job, update `job` and return the status. Raises `ConnectionFailed` and `APIError`."""
        self.job = self._transport.call(fetch_job(self.id))
        return self.job.status

    def wait(self, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None) -> Job:
        """Wait until the job has ended, at most `timeout` seconds. Returns the job if it succeeded.

        `on_progress` is called with every change. Changes arrive as server-sent events; if no event stream is
        available, this polls about three times a second, or long-polls for the end without `on_progress`. It goes on
        while the service does not answer, is restarted, or refuses requests for a while; the client's `on_retry` is
        told. Raises `WaitTimeout`, `JobFailed`, `JobCanceled`, `JobExpired`, and `ConnectionFailed` and `APIError` for
        what another attempt does not change. None of them cancels the job.
        """
        return self._wait(Deadline.after(timeout), on_progress)

    def events(self, *, previews: bool = False, timeout: float | None = None) -> Generator[JobEvent]:
        """Yield the job's events as they arrive: first the current state, then every change, finally `done`.

        A dropped connection is resumed where it broke off. Changes that arrive faster than they are consumed are
        merged into the newest. With `previews`, some events show an image in progress (`event.preview`, a small
        JPEG): the newest of each image, at most two a second. Outages are waited out as by `wait`. Raises
        `WaitTimeout` after `timeout` seconds, `ConnectionFailed` and `APIError`, among them `UnexpectedResponse` if
        the service, or a proxy in front of it, has no event stream; `wait` works without one.
        """
        received: deque[JobEvent] = deque()
        deadline = Deadline.after(timeout)
        flow = follow(self.job, self._transport.configuration, deadline, received.append, previews=previews)
        with contextlib.closing(self._transport.iterate(flow, received)) as events:
            for event in events:
                self.job = event.job
                yield event

    def cancel(self) -> Job:
        """Cancel the job and return it: `canceling` while a worker still has it, unchanged if it had ended.

        Raises `ConnectionFailed` and `APIError`.
        """
        self.job = self._transport.call(cancel_job(self.id))
        return self.job

    def move(self, *, to: Literal["front", "back"] | None = None, before: str | None = None) -> Job:
        """Move the queued job to the front or the back of the tenant's queued jobs of its model, or before one of them.

        Priorities do not matter. Send either `to` or `before`, the id of a job. Returns the job with its new position.
        Raises `InvalidRequest` if one of them is not queued, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        self.job = self._transport.call(move_job(self.id, to, before))
        return self.job

    def retry(self, *, idempotency_key: str | None = None) -> "JobHandle":
        """Submit the request of a failed, canceled or expired job again, with the same seed, as a new job.

        Raises `InvalidRequest` if the job has not ended or has succeeded, and the errors of `submit`.
        """
        return JobHandle(self._transport, self._transport.call(retry_job(self.id, idempotency_key)))

    def delete(self) -> None:
        """Delete a job that has ended, and its images.

        Raises `InvalidRequest` if it has not ended, `ConnectionFailed` and `APIError`.
        """
        self._transport.call(delete_job(self.id))

    def _wait(self, deadline: Deadline, on_progress: Callable[[Job], None] | None) -> Job:
        flow = wait_for(self.job, self._transport.configuration, deadline, on_progress, self._update)
        return self._transport.run(flow)

    def _update(self, job: Job) -> None:
        self.job = job


class AsyncJobHandle:
    """A submitted job. `await client.job(id)` returns a handle for a known id."""

    def __init__(self, transport: AsyncTransport, job: Job) -> None:
        self._transport = transport
        self.job = job
        """The latest snapshot of the job."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job!r}>"

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def images(self) -> AsyncImages:
        """The images finished as of the latest snapshot."""
        return AsyncImages(AsyncImage(self._transport, self.job, output) for output in self.job.outputs)

    @property
    def grid(self) -> AsyncImage | None:
        """All images in one, if `output` requested a grid and the job has succeeded as of the latest snapshot."""
        return AsyncImage(self._transport, self.job, self.job.grid) if self.job.grid else None

    async def status(self) -> Status:
        """Fetch the job, update `job` and return the status. Raises `ConnectionFailed` and `APIError`."""
        self.job = await self._transport.call(fetch_job(self.id))
        return self.job.status

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the job, not of this call
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until the job has ended, at most `timeout` seconds. Returns the job if it succeeded.

        `on_progress` is called with every change. Changes arrive as server-sent events; if no event stream is
        available, this polls about three times a second, or long-polls for the end without `on_progress`. It goes on
        while the service does not answer, is restarted, or refuses requests for a while; the client's `on_retry` is
        told. Raises `WaitTimeout`, `JobFailed`, `JobCanceled`, `JobExpired`, and `ConnectionFailed` and `APIError` for
        what another attempt does not change. None of them cancels the job.
        """
        return await self._wait(Deadline.after(timeout), on_progress)

    async def events(
        self,
        *,
        previews: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the job, not of this call
    ) -> AsyncGenerator[JobEvent]:
        """Yield the job's events as they arrive: first the current state, then every change, finally `done`.

        A dropped connection is resumed where it broke off. Changes that arrive faster than they are consumed are
        merged into the newest. With `previews`, some events show an image in progress (`event.preview`, a small
        JPEG): the newest of each image, at most two a second. Outages are waited out as by `wait`. Raises
        `WaitTimeout` after `timeout` seconds, `ConnectionFailed` and `APIError`, among them `UnexpectedResponse` if
        the service, or a proxy in front of it, has no event stream; `wait` works without one.
        """
        received: deque[JobEvent] = deque()
        deadline = Deadline.after(timeout)
        flow = follow(self.job, self._transport.configuration, deadline, received.append, previews=previews)
        async with contextlib.aclosing(self._transport.iterate(flow, received)) as events:
            async for event in events:
                self.job = event.job
                yield event

    async def cancel(self) -> Job:
        """Cancel the job and return it: `canceling` while a worker still has it, unchanged if it had ended.

        Raises `ConnectionFailed` and `APIError`.
        """
        self.job = await self._transport.call(cancel_job(self.id))
        return self.job

    async def move(self, *, to: Literal["front", "back"] | None = None, before: str | None = None) -> Job:
        """Move the queued job to the front or the back of the tenant's queued jobs of its model, or before one of them.

        Priorities do not matter. Send either `to` or `before`, the id of a job. Returns the job with its new position.
        Raises `InvalidRequest` if one of them is not queued, `NotFound`, `ConnectionFailed` and `APIError`.
        """
        self.job = await self._transport.call(move_job(self.id, to, before))
        return self.job

    async def retry(self, *, idempotency_key: str | None = None) -> "AsyncJobHandle":
        """Submit the request of a failed, canceled or expired job again, with the same seed, as a new job.

        Raises `InvalidRequest` if the job has not ended or has succeeded, and the errors of `submit`.
        """
        return AsyncJobHandle(self._transport, await self._transport.call(retry_job(self.id, idempotency_key)))

    async def delete(self) -> None:
        """Delete a job that has ended, and its images.

        Raises `InvalidRequest` if it has not ended, `ConnectionFailed` and `APIError`.
        """
        await self._transport.call(delete_job(self.id))

    async def _wait(self, deadline: Deadline, on_progress: Callable[[Job], None] | None) -> Job:
        flow = wait_for(self.job, self._transport.configuration, deadline, on_progress, self._update)
        return await self._transport.run(flow)

    def _update(self, job: Job) -> None:
        self.job = job
