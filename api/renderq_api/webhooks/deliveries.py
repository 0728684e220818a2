"""The loop that sends what is in the outbox, in every API process."""

import asyncio
import json
import random
import secrets

import structlog

from renderq.contract import DeliveryStatus
from renderq_api.webhooks.sending import Sender, Sent
from renderq_shared.errors import RenderqSharedError
from renderq_shared.jobs import AsyncRedisJobStore, DeliveryClaim, DeliveryRecord, Settlement

log = structlog.get_logger(__name__)

_PAUSE_S = 0.5
_AT_ONCE = 32
"""Deliveries that one process sends at the same time."""
_LOG_MAX = 20
"""Attempts that a delivery's log keeps."""
_RETRY_AFTER_MAX_S = 86_400
_JITTER = 0.25
"""Share by which a delay grows at most, so that receivers that come back are not met by everybody at once."""

_random = random.SystemRandom()


class Deliveries:
    """Claims due deliveries, sends them, settles them. A process that dies leaves them to others after the lease."""

    def __init__(self, jobs: AsyncRedisJobStore, sender: Sender, delays_s: tuple[float, ...], lease_s: float) -> None:
        """`delays_s`: pause before each attempt after the first. `lease_s` must exceed the sender's time."""
        self._jobs = jobs
        self._sender = sender
        self._delays_s = delays_s
        self._lease_ms = round(lease_s * 1000)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._take()
                await asyncio.sleep(_PAUSE_S * _random.uniform(1 - _JITTER, 1 + _JITTER))
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _take(self) -> None:
        free = _AT_ONCE - len(self._sending)
        if free <= 0:
            return
        try:
            due = await self._jobs.claim_deliveries(DeliveryClaim(secrets.token_hex(8), self._lease_ms, free))
        except RenderqSharedError:
            return  # the sweeps, which run beside, tell of an outage
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, delivery: DeliveryRecord) -> None:
        try:
            sent = await self._sender.send(delivery)
            await self._jobs.settle_delivery(self._settlement(delivery, sent))
        except RenderqSharedError as error:
            log.warning("delivery_not_settled", delivery=delivery.id, reason=str(error))
        except Exception:
            log.exception("delivery_failed", delivery=delivery.id)

    def _settlement(self, delivery: DeliveryRecord, sent: Sent) -> Settlement:
        attempts = [*json.loads(delivery.log_json or "[]"), sent.attempt.model_dump(mode="json")][-_LOG_MAX:]
        status, delay_s = self._verdict(delivery.attempt, sent)
        return Settlement(delivery.id, str(delivery.claim_id), status, json.dumps(attempts), round(delay_s * 1000))

    def _verdict(self, earlier: int, sent: Sent) -> tuple[DeliveryStatus, float]:
        if sent.attempt.error is None:
            return DeliveryStatus.DELIVERED, 0.0
        if sent.attempt.status == 410:
            return DeliveryStatus.DISABLED, 0.0
        if earlier >= len(self._delays_s):
            return DeliveryStatus.FAILED, 0.0
        delay_s = self._delays_s[earlier] * _random.uniform(1, 1 + _JITTER)
        return DeliveryStatus.PENDING, max(delay_s, min(sent.retry_after_s or 0.0, _RETRY_AFTER_MAX_S))
