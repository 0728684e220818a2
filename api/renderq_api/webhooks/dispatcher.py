"""Dispatcher: the loop in every API process that sends due webhook deliveries from the outbox."""

import asyncio
import contextlib
import json
import random
import secrets
import time
from collections.abc import Callable

import structlog

from renderq.contract import DeliveryStatus
from renderq_api.webhooks.sender import Sender, SendResult
from renderq_shared.errors import RenderqSharedError, StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, DeliveryClaim, DeliveryRecord, DeliveryResult, commands
from renderq_shared.outage import Outage

log = structlog.get_logger(__name__)

_POLL_S = 0.5
"""Interval at which the outbox is polled, and pause before a failed store call is retried."""
_MAX_CONCURRENT = 128
"""Deliveries that one process sends at the same time."""
_MAX_ATTEMPTS_LOGGED = 20
"""Attempts kept in a delivery's log."""
_MAX_RETRY_AFTER_S = 86_400
_JITTER = 0.25
"""Maximum random increase of a delay, as a fraction, so that retries do not hit a recovered receiver all at once."""

RecordAttempt = Callable[[DeliveryRecord, DeliveryStatus, float], None]
"""Delivery, its status after the attempt, duration of the attempt in seconds."""

_random = random.SystemRandom()


class Dispatcher:
    """Claims due deliveries, sends them and reports results. Deliveries of a dead process are claimed again when their
    lease expires."""

    def __init__(
        self,
        jobs: AsyncJobStore,
        sender: Sender,
        delays_s: tuple[float, ...],
        lease_s: float,
        record_attempt: RecordAttempt,
    ) -> None:
        """`delays_s`: delay before each retry. `lease_s` must exceed the duration of one attempt.

        `record_attempt` counts each attempt."""
        self._jobs = jobs
        self._sender = sender
        self._delays_s = delays_s
        self._lease_s = lease_s
        self._record_attempt = record_attempt
        self._claim_id = secrets.token_hex(8)
        self._sending: set[asyncio.Task[None]] = set()
        self._sent = asyncio.Event()
        self._outage = Outage()

    async def run(self) -> None:
        """Send due deliveries until canceled. An error leaves deliveries in flight alone."""
        try:
            while True:
                self._sent.clear()
                await self._claim()
                await self._pause()
        except asyncio.CancelledError:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            raise

    async def _pause(self) -> None:
        """Wait until a delivery may be due or one has finished, which frees a place."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S * _random.uniform(1 - _JITTER, 1 + _JITTER)):
                await self._sent.wait()

    async def _claim(self) -> None:
        free = _MAX_CONCURRENT - len(self._sending)
        if free <= 0:
            return
        lease_end = time.monotonic() + self._lease_s
        try:
            due = await self._jobs.call(
                commands.claim_deliveries(DeliveryClaim(self._claim_id, round(self._lease_s * 1000), free))
            )
        except RenderqSharedError as error:
            # The sweeper logs what it sees, too.
            if isinstance(error, StoreUnavailable) and error.key and self._outage.has_new_cause(error):
                log.warning("deliveries.claim_failed", reason=str(error))
            return  # the same claim id returns the same deliveries next time
        self._outage.end()
        self._claim_id = secrets.token_hex(8)
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery, lease_end))
            self._sending.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._sent.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery.result_unreported", reason="unexpected error", exc_info=error)

    async def _deliver(self, delivery: DeliveryRecord, lease_end: float) -> None:
        try:
            sent = await self._sender.send(delivery)
        except Exception:
            # Counted as a failed attempt, so that a delivery that cannot be sent is not retried forever.
            log.exception("delivery.failed", delivery_id=delivery.id)
            sent = self._sender.internal_error()
        result = self._result(delivery, sent)
        self._record_attempt(delivery, result.status, sent.attempt.duration_ms / 1000)
        await self._complete(result, lease_end)

    async def _complete(self, result: DeliveryResult, lease_end: float) -> None:
        """Report the result; retry until the lease ends, so that a shorter outage causes no second delivery."""
        while True:
            try:
                await self._jobs.call(commands.complete_delivery(result))
                return
            except RenderqSharedError as error:
                if time.monotonic() > lease_end:
                    log.warning("delivery.result_unreported", delivery_id=result.delivery_id, reason=str(error))
                    return
            await asyncio.sleep(_POLL_S)

    def _result(self, delivery: DeliveryRecord, sent: SendResult) -> DeliveryResult:
        attempts = [*json.loads(delivery.log_json or "[]"), sent.attempt.model_dump(mode="json")][
            -_MAX_ATTEMPTS_LOGGED:
        ]
        status, delay_s = self._next_status(delivery.attempt, sent)
        return DeliveryResult(delivery.id, str(delivery.claim_id), status, json.dumps(attempts), round(delay_s * 1000))

    def _next_status(self, failed_attempts: int, sent: SendResult) -> tuple[DeliveryStatus, float]:
        """Return the delivery's status after an attempt, and the delay in seconds before the next one."""
        if sent.attempt.error is None:
            return DeliveryStatus.DELIVERED, 0.0
        if sent.attempt.status == 410:
            return DeliveryStatus.DISABLED, 0.0
        if failed_attempts >= len(self._delays_s):
            return DeliveryStatus.FAILED, 0.0
        delay_s = self._delays_s[failed_attempts] * _random.uniform(1, 1 + _JITTER)
        return DeliveryStatus.PENDING, max(delay_s, min(sent.retry_after_s or 0.0, _MAX_RETRY_AFTER_S))
