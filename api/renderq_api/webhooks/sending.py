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
from renderq.core.signatures import signature
from renderq_api.outgoing import OutgoingRefused
from renderq_api.representing import Links, represent
from renderq_api.webhooks.addresses import webhook_url
from renderq_shared.jobs import DeliveryRecord

_READ_BYTES = 16_384
_READ_S = 1.0
"""An answer's body is of no use; so much of it is taken, so that the receiver can finish in peace."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt, and what the receiver asked for."""

    attempt: DeliveryAttempt
    retry_after_s: float | None = None


class Sender:
    """Sends deliveries, each within `timeout_s` all in all."""

    def __init__(
        self,
        transport: Callable[[], httpx2.AsyncBaseTransport],
        keys: tuple[bytes, ...],
        public_url: str,
        kept_s: int,
        timeout_s: float,
    ) -> None:
        """`keys` all sign. `public_url` begins the addresses in the body; it ends with a slash."""
        self._transport = transport
        self._keys = keys
        self._links = Links(public_url)
        self._kept_s = kept_s
        self._timeout_s = timeout_s

    async def send(self, delivery: DeliveryRecord) -> Sent:
        """Raises nothing that the receiver or the network is to blame for."""
        began, clock = datetime.now(UTC), time.monotonic()

        def told(error: str | None, status: int | None = None, retry_after_s: float | None = None) -> Sent:
            duration_ms = round((time.monotonic() - clock) * 1000)
            return Sent(DeliveryAttempt(at=began, status=status, duration_ms=duration_ms, error=error), retry_after_s)

        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(delivery)
        except OutgoingRefused as error:
            return told(f"refused: {error}")
        except TimeoutError:
            return told(f"no answer within {self._timeout_s:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return told(f"{type(error).__name__}: {error}"[:200])
        status = answer.status_code
        if 200 <= status < 300:
            return told(None, status)
        words = "redirects are not followed" if 300 <= status < 400 else "not a 2xx answer"
        return told(words, status, _retry_after_s(answer.headers.get("retry-after")))

    async def _post(self, delivery: DeliveryRecord) -> httpx2.Response:
        body = self._body(delivery)
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "renderq-webhooks",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(signature(key, delivery.id, now, body) for key in self._keys),
        }
        client = httpx2.AsyncClient(transport=self._transport(), trust_env=False, timeout=self._timeout_s)
        async with client, client.stream("POST", webhook_url(delivery.record), content=body, headers=headers) as answer:
            with contextlib.suppress(httpx2.HTTPError, TimeoutError):
                async with asyncio.timeout(_READ_S):
                    await _read_some(answer)
        return answer

    def _body(self, delivery: DeliveryRecord) -> bytes:
        event = WebhookEvent(
            type=delivery.event,
            timestamp=datetime.fromtimestamp(delivery.created_ms / 1000, UTC),
            data=represent(delivery.record, None, self._links, None, self._kept_s),
        )
        return event.model_dump_json().encode()


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
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
