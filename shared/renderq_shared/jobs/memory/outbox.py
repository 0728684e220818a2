"""Outbox of the in-memory store. Counterpart of `lua/include/outbox.lua` and the scripts on deliveries."""

from collections.abc import Callable
from dataclasses import replace

from renderq.contract import DeliveryStatus, Status, WebhookEventType
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult, delivery_id
from renderq_shared.jobs.lifetimes import DELIVERY_TTL_MS
from renderq_shared.jobs.memory.delivery_queues import DeliveryQueues
from renderq_shared.jobs.records import JobRecord

_ENDS: dict[Status, WebhookEventType] = {
    Status.SUCCEEDED: "job.succeeded",
    Status.FAILED: "job.failed",
    Status.CANCELED: "job.canceled",
    Status.EXPIRED: "job.expired",
}
EVENTS: dict[Status, WebhookEventType] = {Status.RUNNING: "job.started", **_ENDS}
"""Status → event of the transition to it."""


class MemoryOutbox:
    """Webhook deliveries and their leases. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._deliveries: dict[str, DeliveryRecord] = {}
        self._subscribed: dict[str, frozenset[str]] = {}
        self._hosts: dict[str, str] = {}
        self._queues = DeliveryQueues()
        self._claims: dict[str, tuple[tuple[str, ...], int]] = {}
        self._completed_by: dict[str, str] = {}
        self._expires_ms: dict[str, int] = {}

    def subscribe(self, job_id: str, events: tuple[str, ...], host: str) -> None:
        self._subscribed[job_id] = frozenset(events)
        self._hosts[job_id] = host

    def enqueue_event(self, job: JobRecord, event: WebhookEventType, index: int | None = None) -> None:
        """Add an event with a snapshot of the job, once, if the job's webhook subscribes to it."""
        key, now = delivery_id(job.id, event, index), self._now_ms()
        if event in self._subscribed[job.id] and self._find(key) is None:
            self._deliveries[key] = DeliveryRecord(
                key, job.id, job.tenant, event, DeliveryStatus.PENDING, now, attempt=0, record=job
            )
            self._schedule(key, now)

    def claim(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        now = self._now_ms()
        claimed_keys, until = self._claims.get(request.claim_id, ((), 0))
        if until > now:
            claimed = [self._find(key) for key in claimed_keys]
            return tuple(each for each in claimed if each and each.claim_id == request.claim_id)
        until = now + request.lease_ms
        self._reschedule_expired(request.limit)
        keys: list[str] = []
        while len(keys) < request.limit and (key := self._queues.lease_next(now)):
            self._change(key, claim_id=request.claim_id, due_ms=until)
            keys.append(key)
        if keys:
            self._claims[request.claim_id] = (tuple(keys), until)
        return tuple(self._deliveries[key] for key in keys)

    def complete(self, result: DeliveryResult) -> bool:
        delivery = self._find(result.delivery_id)
        if delivery is None or self._completed_by.get(delivery.id) == result.claim_id:
            return delivery is not None
        if delivery.claim_id != result.claim_id:
            return False
        self._completed_by[delivery.id] = result.claim_id
        self._change(delivery.id, log_json=result.log_json, attempt=delivery.attempt + 1)
        if result.status is DeliveryStatus.PENDING:
            self._schedule(delivery.id, self._now_ms() + result.delay_ms)
        else:
            self._end(delivery.id, result.status)
        if result.status is DeliveryStatus.DISABLED:
            for other in list(self._deliveries.values()):
                if other.job_id == delivery.job_id and other.status is DeliveryStatus.PENDING:
                    self._end(other.id, result.status)
            self._subscribed[delivery.job_id] = frozenset()
        return True

    def of_job(self, job: JobRecord) -> tuple[DeliveryRecord, ...]:
        """Return a job's deliveries: start, images by index, end."""
        keys = [delivery_id(job.id, "job.started")]
        keys += [delivery_id(job.id, "job.output", index) for index in range(job.images)]
        keys += [delivery_id(job.id, event) for event in _ENDS.values()]
        return tuple(delivery for key in keys if (delivery := self._find(key)))

    def replay(self, tenant: str, key: str) -> DeliveryRecord | None:
        delivery = self._find(key)
        if delivery is None or delivery.tenant != tenant:
            return None
        if delivery.claim_id is None:
            attempt = delivery.attempt if delivery.status is DeliveryStatus.PENDING else 0
            self._expires_ms.pop(key, None)
            self._change(key, status=DeliveryStatus.PENDING, attempt=attempt)
            self._schedule(key, self._now_ms())
        return self._deliveries[key]

    def delete(self, job: JobRecord) -> None:
        del self._subscribed[job.id]
        for delivery in self.of_job(job):
            self._dequeue(delivery.id)
            del self._deliveries[delivery.id]
            self._expires_ms.pop(delivery.id, None)
        del self._hosts[job.id]

    def _find(self, key: str) -> DeliveryRecord | None:
        expires_ms = self._expires_ms.get(key)
        if expires_ms is not None and expires_ms <= self._now_ms():
            del self._deliveries[key], self._expires_ms[key]
        return self._deliveries.get(key)

    def _reschedule_expired(self, limit: int) -> None:
        now = self._now_ms()
        expired = sorted(
            (each.due_ms, each.id)
            for each in self._deliveries.values()
            if each.claim_id is not None and each.due_ms is not None and each.due_ms <= now
        )
        for due_ms, key in expired[:limit]:
            self._schedule(key, due_ms)

    def _schedule(self, key: str, due_ms: int) -> None:
        delivery = self._deliveries[key]
        self._change(key, claim_id=None, due_ms=due_ms)
        self._queues.schedule(key, delivery.tenant, self._hosts[delivery.job_id], due_ms, self._now_ms())

    def _dequeue(self, key: str) -> None:
        delivery = self._deliveries[key]
        self._queues.remove(key, delivery.tenant, self._hosts[delivery.job_id], self._now_ms())

    def _end(self, key: str, status: DeliveryStatus) -> None:
        self._dequeue(key)
        self._change(key, status=status, claim_id=None, due_ms=None)
        self._expires_ms[key] = self._now_ms() + DELIVERY_TTL_MS

    def _change(self, key: str, **fields: object) -> None:
        self._deliveries[key] = replace(self._deliveries[key], **fields)
