"""The loop that sends what is in the outbox, in every API process."""

import asyncio
import contextlib
import json
import random
import secrets
import time

import structlog

from renderq.contract import DeliveryStatus
from renderq_api.webhooks.sender import Sender, SendResult
from renderq_shared.errors import RenderqSharedError
from renderq_shared.jobs import AsyncJobStore, DeliveryClaim, DeliveryRecord, DeliveryResult, commands

log = structlog.get_logger(__name__)

_PAUSE_S = 0.5
_AT_ONCE = 128
"""Deliveries that one process sends at the same time."""
_LOG_MAX = 20
"""Attempts that a delivery's log keeps."""
_RETRY_AFTER_MAX_S = 86_400
_JITTER = 0.25
"""Share by which a delay grows at most, so that receivers that come back are not met by everybody at once."""

_random = random.SystemRandom()


class Dispatcher:
    """Claims due deliveries, sends them, settles them. A process that dies leaves them to others after the lease."""

    def __init__(self, jobs: AsyncJobStore, sender: Sender, delays_s: tuple[float, ...], lease_s: float) -> None:
        """`delays_s`: pause before each attempt after the first. `lease_s` must exceed the sender's time."""
        self._jobs = jobs
        self._sender = sender
        self._delays_s = delays_s
        self._lease_s = lease_s
        self._claim_id = secrets.token_hex(8)
        self._sending: set[asyncio.Task[None]] = set()
        self._sent = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._sent.clear()
                await self._take()
                await self._pause()
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _pause(self) -> None:
        """Until something new may be due, or a place is free for what had to wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_S * _random.uniform(1 - _JITTER, 1 + _JITTER)):
                await self._sent.wait()

    async def _take(self) -> None:
        free = _AT_ONCE - len(self._sending)
        if free <= 0:
            return
        lease_end = time.monotonic() + self._lease_s
        try:
            due = await self._jobs.call(
                commands.claim_deliveries(DeliveryClaim(self._claim_id, round(self._lease_s * 1000), free))
            )
        except RenderqSharedError:
            return  # the sweeps, which run beside, tell of an outage; what the reply held is asked for again
        self._claim_id = secrets.token_hex(8)
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery, lease_end))
            self._sending.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._sent.set()

    async def _deliver(self, delivery: DeliveryRecord, lease_end: float) -> None:
        try:
            sent = await self._sender.send(delivery)
        except Exception:
            # Counted like any other failure: what cannot be sent must not be tried for ever.
            log.exception("delivery_failed", delivery=delivery.id)
            sent = self._sender.internal_error()
        await self._settle(self._settlement(delivery, sent), lease_end)

    async def _settle(self, told: DeliveryResult, lease_end: float) -> None:
        """An outage that is shorter than the lease costs no second attempt."""
        while True:
            try:
                await self._jobs.call(commands.complete_delivery(told))
                return
            except RenderqSharedError as error:
                if time.monotonic() > lease_end:
                    log.warning("delivery_not_settled", delivery=told.delivery_id, reason=str(error))
                    return
            await asyncio.sleep(_PAUSE_S)

    def _settlement(self, delivery: DeliveryRecord, sent: SendResult) -> DeliveryResult:
        attempts = [*json.loads(delivery.log_json or "[]"), sent.attempt.model_dump(mode="json")][-_LOG_MAX:]
        status, delay_s = self._verdict(delivery.attempt, sent)
        return DeliveryResult(delivery.id, str(delivery.claim_id), status, json.dumps(attempts), round(delay_s * 1000))

    def _verdict(self, earlier: int, sent: SendResult) -> tuple[DeliveryStatus, float]:
        if sent.attempt.error is None:
            return DeliveryStatus.DELIVERED, 0.0
        if sent.attempt.status == 410:
            return DeliveryStatus.DISABLED, 0.0
        if earlier >= len(self._delays_s):
            return DeliveryStatus.FAILED, 0.0
        delay_s = self._delays_s[earlier] * _random.uniform(1, 1 + _JITTER)
        return DeliveryStatus.PENDING, max(delay_s, min(sent.retry_after_s or 0.0, _RETRY_AFTER_MAX_S))
