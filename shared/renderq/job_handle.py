"""A submitted job: ask how it stands, wait for it, follow it, cancel it, take its pictures."""

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator

from renderq._core.events import JobEvent, stream_events
from renderq._core.requests import cancel_job, delete_job, fetch_job, retry_job
from renderq._core.wait import wait_for
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Job, Status
from renderq.images import AsyncImage, AsyncImages, Image, Images


class JobHandle:
    """A job of the service. Keep its `id` to find it again with `client.job(id)`."""

    def __init__(self, transport: Transport, job: Job) -> None:
        self._transport = transport
        self.job = job
        """The job as it was last seen."""

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def images(self) -> Images:
        """The pictures that were finished when the job was last seen."""
        return Images(Image(self._transport, self.job, output) for output in self.job.outputs)

    @property
    def grid(self) -> Image | None:
        """All pictures in one, if `output` asked for it and the job had succeeded when it was last seen."""
        return Image(self._transport, self.job, self.job.grid) if self.job.grid else None

    def status(self) -> Status:
        """Ask how the job stands; `job` then has the rest. Raises `ConnectionFailed` and `APIError`."""
        self.job = self._transport.call(fetch_job(self.id))
        return self.job.status

    def wait(self, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None) -> Job:
        """Wait until the job is done, at most `timeout` seconds; returns it if it succeeded.

        `on_progress` gets every change that is seen. The service tells them as events; where they do not come through,
        this asks about three times a second, or for the end alone if there is no `on_progress`. Raises `WaitTimeout`,
        `JobFailed`, `JobCanceled`, `JobExpired`, `ConnectionFailed` and `APIError`; the job goes on unless it ended.
        """
        return self._transport.run(wait_for(self.job, self._transport.configuration, timeout, on_progress, self._see))

    def events(self, *, previews: bool = False) -> Generator[JobEvent]:
        """The job's events as they come: first the job as it is, then every news, at last `done`.

        A dropped connection is taken up again where it was left. News that come faster than they are taken are merged
        into the newest. With `previews` some events in between show what the images look like while they are made
        (`event.preview`, a small JPEG): the newest of each, at most two a second. Raises `ConnectionFailed` and
        `APIError`, among them `UnexpectedResponse` where the service, or a proxy before it, has no event stream; `wait`
        does without.
        """
        received: deque[JobEvent] = deque()
        configuration = self._transport.configuration
        flow = stream_events(
            self.id, configuration, received.append, max_retries=configuration.max_retries, previews=previews
        )
        with contextlib.closing(self._transport.iterate(flow, received)) as events:
            for event in events:
                self.job = event.job
                yield event

    def cancel(self) -> Job:
        """Ask for the job's end; returns it, `canceling` while a worker still has it, unchanged if it was done.

        Raises `ConnectionFailed` and `APIError`.
        """
        self.job = self._transport.call(cancel_job(self.id))
        return self.job

    def retry(self, *, idempotency_key: str | None = None) -> "JobHandle":
        """Do a job again that failed, was canceled, or expired: a new one with the same request, its seed included.

        Raises `InvalidRequest` if it has not ended, or has succeeded; and what `submit` raises.
        """
        return JobHandle(self._transport, self._transport.call(retry_job(self.id, idempotency_key)))

    def delete(self) -> None:
        """Forget a job that has ended, and its pictures.

        Raises `InvalidRequest` if it has not ended, `ConnectionFailed` and `APIError`.
        """
        self._transport.call(delete_job(self.id))

    def _see(self, job: Job) -> None:
        self.job = job


class AsyncJobHandle:
    """A job of the service. Keep its `id` to find it again with `await client.job(id)`."""

    def __init__(self, transport: AsyncTransport, job: Job) -> None:
        self._transport = transport
        self.job = job
        """The job as it was last seen."""

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def images(self) -> AsyncImages:
        """The pictures that were finished when the job was last seen."""
        return AsyncImages(AsyncImage(self._transport, self.job, output) for output in self.job.outputs)

    @property
    def grid(self) -> AsyncImage | None:
        """All pictures in one, if `output` asked for it and the job had succeeded when it was last seen."""
        return AsyncImage(self._transport, self.job, self.job.grid) if self.job.grid else None

    async def status(self) -> Status:
        """Ask how the job stands; `job` then has the rest. Raises `ConnectionFailed` and `APIError`."""
        self.job = await self._transport.call(fetch_job(self.id))
        return self.job.status

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 — not the call's time but the job's
        on_progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until the job is done, at most `timeout` seconds; returns it if it succeeded.

        `on_progress` gets every change that is seen. The service tells them as events; where they do not come through,
        this asks about three times a second, or for the end alone if there is no `on_progress`. Raises `WaitTimeout`,
        `JobFailed`, `JobCanceled`, `JobExpired`, `ConnectionFailed` and `APIError`; the job goes on unless it ended.
        """
        return await self._transport.run(
            wait_for(self.job, self._transport.configuration, timeout, on_progress, self._see)
        )

    async def events(self, *, previews: bool = False) -> AsyncGenerator[JobEvent]:
        """The job's events as they come: first the job as it is, then every news, at last `done`.

        A dropped connection is taken up again where it was left. News that come faster than they are taken are merged
        into the newest. With `previews` some events in between show what the images look like while they are made
        (`event.preview`, a small JPEG): the newest of each, at most two a second. Raises `ConnectionFailed` and
        `APIError`, among them `UnexpectedResponse` where the service, or a proxy before it, has no event stream; `wait`
        does without.
        """
        received: deque[JobEvent] = deque()
        configuration = self._transport.configuration
        flow = stream_events(
            self.id, configuration, received.append, max_retries=configuration.max_retries, previews=previews
        )
        async with contextlib.aclosing(self._transport.iterate(flow, received)) as events:
            async for event in events:
                self.job = event.job
                yield event

    async def cancel(self) -> Job:
        """Ask for the job's end; returns it, `canceling` while a worker still has it, unchanged if it was done.

        Raises `ConnectionFailed` and `APIError`.
        """
        self.job = await self._transport.call(cancel_job(self.id))
        return self.job

    async def retry(self, *, idempotency_key: str | None = None) -> "AsyncJobHandle":
        """Do a job again that failed, was canceled, or expired: a new one with the same request, its seed included.

        Raises `InvalidRequest` if it has not ended, or has succeeded; and what `submit` raises.
        """
        return AsyncJobHandle(self._transport, await self._transport.call(retry_job(self.id, idempotency_key)))

    async def delete(self) -> None:
        """Forget a job that has ended, and its pictures.

        Raises `InvalidRequest` if it has not ended, `ConnectionFailed` and `APIError`.
        """
        await self._transport.call(delete_job(self.id))

    def _see(self, job: Job) -> None:
        self.job = job
