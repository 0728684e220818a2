"""Sender: one delivery attempt, a signed POST (Standard Webhooks)."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from renderq.contract import DeliveryAttempt, WebhookEvent
from renderq.contract.webhook_signature import sign
from renderq_api.egress import EgressDenied
from renderq_api.http.timestamps import timestamp
from renderq_api.job_views.job_view import UrlBuilder, to_job
from renderq_api.webhooks.target import webhook_url
from renderq_shared.jobs import DeliveryRecord
from renderq_shared.tracing import NO_TRACING, Tracing

_READ_BYTES = 16_384
_READ_S = 1.0
"""Limits on reading a response's body. It is discarded, but closing early could fail the receiver's write."""

_CONNECT_TIMEOUT_DIVISOR = 3
"""Connecting to one address may take this fraction (1/3) of the timeout, so that others can be tried."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """A finished attempt, and the receiver's `Retry-After`."""

    attempt: DeliveryAttempt
    retry_after_s: float | None = None


class Sender:
    """Sends deliveries. Each attempt may take `timeout_s` to the response headers, and one second for the body."""

    def __init__(
        self,
        transport: Callable[[], httpx2.AsyncBaseTransport],
        keys: tuple[bytes, ...],
        public_url: str,
        retention_s: int,
        timeout_s: float,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """`keys`: each one signs. `public_url`: base of the URLs in the body, with a trailing slash."""
        self._transport = transport
        self._keys = keys
        self._urls = UrlBuilder(public_url)
        self._retention_s = retention_s
        self._timeout_s = timeout_s
        self._tracing = tracing

    async def send(self, delivery: DeliveryRecord) -> SendResult:
        """Send a delivery. Errors of the receiver or the network become a failed attempt, not an exception."""
        attributes = {"renderq.job_id": delivery.job_id, "renderq.event": delivery.event}
        parent = delivery.record.traceparent
        # Without a trace of its job, a delivery does not begin one.
        span = (self._tracing if parent else NO_TRACING).start("renderq.webhook", parent, attributes)
        try:
            sent = await self._send(delivery, span.traceparent)
        except BaseException as error:
            span.end(type(error).__name__)
            raise
        span.end(sent.attempt.error)
        return sent

    async def _send(self, delivery: DeliveryRecord, traceparent: str | None) -> SendResult:
        attempt = _Attempt()
        try:
            response = await self._post(delivery, traceparent)
        except EgressDenied as error:
            return attempt.result(f"denied: {error}")
        except TimeoutError:
            return attempt.result(f"no response within {self._timeout_s:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return attempt.result(_describe(error))
        status = response.status_code
        if 200 <= status < 300:
            return attempt.result(None, status)
        reason = "redirects are not followed" if 300 <= status < 400 else "not a 2xx response"
        return attempt.result(reason, status, _retry_after_s(response.headers.get("retry-after")))

    def internal_error(self) -> SendResult:
        """Return an attempt that failed with an unexpected error of the service."""
        return _Attempt().result("internal error; see the service's log")

    async def _post(self, delivery: DeliveryRecord, traceparent: str | None) -> httpx2.Response:
        body = self._body(delivery)
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "renderq-webhooks",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(sign(key, delivery.id, now, body) for key in self._keys),
            **({"traceparent": traceparent} if traceparent else {}),
        }
        timeout = httpx2.Timeout(None, connect=self._timeout_s / _CONNECT_TIMEOUT_DIVISOR)
        async with httpx2.AsyncClient(transport=self._transport(), trust_env=False, timeout=timeout) as client:
            request = client.build_request("POST", webhook_url(delivery.record), content=body, headers=headers)
            async with asyncio.timeout(self._timeout_s):
                response = await client.send(request, stream=True)
            try:
                with contextlib.suppress(httpx2.HTTPError, TimeoutError):
                    async with asyncio.timeout(_READ_S):
                        await _read_some(response)
            finally:
                await response.aclose()
        return response

    def _body(self, delivery: DeliveryRecord) -> bytes:
        event = WebhookEvent(
            type=delivery.event,
            timestamp=timestamp(delivery.created_ms),
            data=to_job(delivery.record, None, self._urls, None, self._retention_s),
        )
        return event.model_dump_json().encode()


class _Attempt:
    """Times one attempt."""

    def __init__(self) -> None:
        self._started_at, self._started_s = datetime.now(UTC), time.monotonic()

    def result(self, error: str | None, status: int | None = None, retry_after_s: float | None = None) -> SendResult:
        duration_ms = round((time.monotonic() - self._started_s) * 1000)
        return SendResult(
            DeliveryAttempt(at=self._started_at, status=status, duration_ms=duration_ms, error=error), retry_after_s
        )


def _describe(error: Exception) -> str:
    """Return a message without received data: the receiver may be in the operator's network, the reader outside."""
    match error:
        case httpx2.ConnectTimeout():
            return "connection timed out"
        case httpx2.ConnectError():
            return f"connection failed: {error}"[:200]
        case httpx2.RemoteProtocolError():
            return "the receiver does not speak HTTP/1.1, or closed the connection early"
        case httpx2.NetworkError():
            return "the connection was lost"
        case _:
            return f"could not be sent ({type(error).__name__})"


async def _read_some(response: httpx2.Response) -> None:
    read_bytes = 0
    async for chunk in response.aiter_raw():
        read_bytes += len(chunk)
        if read_bytes >= _READ_BYTES:
            return


def _retry_after_s(text: str | None) -> float | None:
    """Parse `Retry-After`: seconds or a date (RFC 9110); `None` if it is neither."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
