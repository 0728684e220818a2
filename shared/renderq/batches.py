"""Submitting and following batches of jobs: `client.batches`."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping

from renderq._core.batch_requests import cancel_batch, get_batch, list_batches, retry_batch, submit_batch
from renderq._core.batch_wait import wait_for_batch
from renderq._core.retries import Deadline
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Batch
from renderq.request_params import RequestParams


class Batches:
    """The batches visible to this API key. `client.jobs.list(batch=…)` lists the jobs of one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        requests: Iterable[RequestParams | Mapping[str, object]] | None = None,
        *,
        request: RequestParams | Mapping[str, object] | None = None,
        axes: Mapping[str, Iterable[object]] | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Submit up to 1,000 jobs at once: all of them are accepted, or none.

        Either `requests`, each with the fields of `submit` and its prompt; or `request` and up to three `axes`, field →
        values, with one job for each combination. A field may be nested (`output.format`), or `prompt:WORD`, whose
        values replace WORD in the prompt. Images are assets or references. The idempotency key works as in `submit`.
        Raises `InvalidArgument`, and `InvalidRequest` whose errors point to single requests; otherwise as `submit`.
        """
        return self._transport.call(submit_batch(requests, request, axes, idempotency_key))

    def get(self, batch_id: str) -> Batch:
        """Return a batch: the number of its jobs by status. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_batch(batch_id))

    def list(self, *, page_size: int = 20) -> Generator[Batch]:
        """Yield all batches, newest first. Pages of `page_size` (1 … 20) are fetched as needed.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
        """
        cursor = None
        while True:
            page = self._transport.call(list_batches(page_size, cursor))
            yield from page.data
            if (cursor := page.next_cursor) is None:
                return

    def wait(
        self, batch_id: str, timeout: float | None = None, on_progress: Callable[[Batch], None] | None = None
    ) -> Batch:
        """Wait until all jobs have ended, whether or not they succeeded, and return the batch.

        After `timeout` seconds it is returned as it is. `on_progress` is called with every change. Outages are waited
        out as by `JobHandle.wait`. Raises `NotFound`, `ConnectionFailed` and `APIError`.
        """
        flow = wait_for_batch(batch_id, self._transport.configuration, Deadline.after(timeout), on_progress)
        return self._transport.run(flow)

    def cancel(self, batch_id: str) -> Batch:
        """Cancel the jobs that have not ended. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(cancel_batch(batch_id))

    def retry(self, batch_id: str, *, idempotency_key: str | None = None) -> Batch:
        """Submit the jobs that failed, were canceled or expired again, as a new batch, with the same seeds.

        Raises `InvalidRequest` if there are none, and the errors of `create`.
        """
        return self._transport.call(retry_batch(batch_id, idempotency_key))


class AsyncBatches:
    """The batches visible to this API key. `client.jobs.list(batch=…)` lists the jobs of one."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        requests: Iterable[RequestParams | Mapping[str, object]] | None = None,
        *,
        request: RequestParams | Mapping[str, object] | None = None,
        axes: Mapping[str, Iterable[object]] | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Submit up to 1,000 jobs at once: all of them are accepted, or none.

        Either `requests`, each with the fields of `submit` and its prompt; or `request` and up to three `axes`, field →
        values, with one job for each combination. A field may be nested (`output.format`), or `prompt:WORD`, whose
        values replace WORD in the prompt. Images are assets or references. The idempotency key works as in `submit`.
        Raises `InvalidArgument`, and `InvalidRequest` whose errors point to single requests; otherwise as `submit`.
        """
        return await self._transport.call(submit_batch(requests, request, axes, idempotency_key))

    async def get(self, batch_id: str) -> Batch:
        """Return a batch: the number of its jobs by status. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_batch(batch_id))

    async def list(self, *, page_size: int = 20) -> AsyncGenerator[Batch]:
        """Yield all batches, newest first. Pages of `page_size` (1 … 20) are fetched as needed.

        Raises `InvalidRequest`, `ConnectionFailed` and `APIError` during iteration.
        """
        cursor = None
        while True:
            page = await self._transport.call(list_batches(page_size, cursor))
            for batch in page.data:
                yield batch
            if (cursor := page.next_cursor) is None:
                return

    async def wait(
        self,
        batch_id: str,
        timeout: float | None = None,  # noqa: ASYNC109 — a timeout of the batch, not of this call
        on_progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Wait until all jobs have ended, whether or not they succeeded, and return the batch.

        After `timeout` seconds it is returned as it is. `on_progress` is called with every change. Outages are waited
        out as by `JobHandle.wait`. Raises `NotFound`, `ConnectionFailed` and `APIError`.
        """
        flow = wait_for_batch(batch_id, self._transport.configuration, Deadline.after(timeout), on_progress)
        return await self._transport.run(flow)

    async def cancel(self, batch_id: str) -> Batch:
        """Cancel the jobs that have not ended. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(cancel_batch(batch_id))

    async def retry(self, batch_id: str, *, idempotency_key: str | None = None) -> Batch:
        """Submit the jobs that failed, were canceled or expired again, as a new batch, with the same seeds.

        Raises `InvalidRequest` if there are none, and the errors of `create`.
        """
        return await self._transport.call(retry_batch(batch_id, idempotency_key))
