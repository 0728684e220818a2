"""One attempt at one delivery: a signed POST, and what came of it."""

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
from renderq_api.job_views.job_view import UrlBuilder, to_job
from renderq_api.webhooks.target import webhook_url
from renderq_shared.jobs import DeliveryRecord

_READ_BYTES = 16_384
_READ_S = 1.0
"""An answer's body is of no use; so much of it is taken, so that the receiver can finish in peace."""

_CONNECT_SHARE = 3
"""One address of a name that has several may take this part of the time to connect."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """An attempt, and what the receiver asked for."""

    attempt: DeliveryAttempt
    retry_after_s: float | None = None


class Sender:
    """Sends deliveries, each within `timeout_s` until the answer's headers are there, and a second for its body."""

    def __init__(
        self,
        transport: Callable[[], httpx2.AsyncBaseTransport],
        keys: tuple[bytes, ...],
        public_url: str,
        retention_s: int,
        timeout_s: float,
    ) -> None:
        """`keys` all sign. `public_url` begins the addresses in the body; it ends with a slash."""
        self._transport = transport
        self._keys = keys
        self._links = UrlBuilder(public_url)
        self._retention_s = retention_s
        self._timeout_s = timeout_s

    async def send(self, delivery: DeliveryRecord) -> SendResult:
        """Raises nothing that the receiver or the network is to blame for."""
        attempt = _Attempt()
        try:
            answer = await self._post(delivery)
        except EgressDenied as error:
            return attempt.result(f"refused: {error}")
        except TimeoutError:
            return attempt.result(f"no answer within {self._timeout_s:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return attempt.result(_words(error))
        status = answer.status_code
        if 200 <= status < 300:
            return attempt.result(None, status)
        words = "redirects are not followed" if 300 <= status < 400 else "not a 2xx answer"
        return attempt.result(words, status, _retry_after_s(answer.headers.get("retry-after")))

    def internal_error(self) -> SendResult:
        """An attempt that failed for a reason that nobody foresaw."""
        return _Attempt().result("a fault of the service; its log tells more")

    async def _post(self, delivery: DeliveryRecord) -> httpx2.Response:
        body = self._body(delivery)
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "renderq-webhooks",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(sign(key, delivery.id, now, body) for key in self._keys),
        }
        patience = httpx2.Timeout(None, connect=self._timeout_s / _CONNECT_SHARE)
        async with httpx2.AsyncClient(transport=self._transport(), trust_env=False, timeout=patience) as client:
            request = client.build_request("POST", webhook_url(delivery.record), content=body, headers=headers)
            async with asyncio.timeout(self._timeout_s):
                answer = await client.send(request, stream=True)
            try:
                with contextlib.suppress(httpx2.HTTPError, TimeoutError):
                    async with asyncio.timeout(_READ_S):
                        await _read_some(answer)
            finally:
                await answer.aclose()
        return answer

    def _body(self, delivery: DeliveryRecord) -> bytes:
        event = WebhookEvent(
            type=delivery.event,
            timestamp=datetime.fromtimestamp(delivery.created_ms / 1000, UTC),
            data=to_job(delivery.record, None, self._links, None, self._retention_s),
        )
        return event.model_dump_json().encode()


class _Attempt:
    """Begins when it is made."""

    def __init__(self) -> None:
        self._at, self._clock = datetime.now(UTC), time.monotonic()

    def result(self, error: str | None, status: int | None = None, retry_after_s: float | None = None) -> SendResult:
        duration_ms = round((time.monotonic() - self._clock) * 1000)
        return SendResult(
            DeliveryAttempt(at=self._at, status=status, duration_ms=duration_ms, error=error), retry_after_s
        )


def _words(error: Exception) -> str:
    """Never what the other side sent: the address may be inside the operator's network, the reader outside."""
    match error:
        case httpx2.ConnectTimeout():
            return "no connection in time"
        case httpx2.ConnectError():
            return f"no connection: {error}"[:200]
        case httpx2.RemoteProtocolError():
            return "what answered does not speak HTTP/1.1, or broke off"
        case httpx2.NetworkError():
            return "the connection broke off"
        case _:
            return f"could not be sent ({type(error).__name__})"


async def _read_some(answer: httpx2.Response) -> None:
    taken = 0
    async for chunk in answer.aiter_raw():
        taken += len(chunk)
        if taken >= _READ_BYTES:
            return


def _retry_after_s(text: str | None) -> float | None:
    """Seconds or a date, as RFC 9110 has it; what is neither says nothing."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
