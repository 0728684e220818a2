"""Outbox of the in-memory store. Counterpart of `lua/include/outbox.lua` and the scripts on deliveries."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from renderq.contract import DeliveryStatus, Status, WebhookEventType
from renderq_shared.jobs.delivery_records import (
    END_EVENTS,
    DeliveryClaim,
    DeliveryRecord,
    DeliveryResult,
    delivery_id,
    delivery_ids,
)
from renderq_shared.jobs.memory.delivery_queues import DeliveryQueues
from renderq_shared.jobs.records import JobRecord

EVENTS: dict[Status, WebhookEventType] = {Status.RUNNING: "job.started", **END_EVENTS}
"""Status → event of the transition to it."""


class MemoryOutbox:
    """Webhook deliveries and their leases. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int], has_job: Callable[[str], bool]) -> None:
        """`has_job` returns whether the store has a job."""
        self._now_ms = clock_ms
        self._has_job = has_job
        self.unarchived: dict[str, int] = {}
        """Id of an ended delivery to write to the history → due time."""
        self._deliveries: dict[str, DeliveryRecord] = {}
        self._subscribed: dict[str, frozenset[str]] = {}
        self._hosts: dict[str, str] = {}
        self._queues = DeliveryQueues()
        self._claims: dict[str, tuple[tuple[str, ...], int]] = {}
        self._completed_by: dict[str, str] = {}
        self._pending_since: dict[str, int] = {}

    def pending(self) -> tuple[int, int]:
        """Return the number of pending deliveries, and the age of the oldest in ms; 0 without one."""
        since = self._pending_since.values()
        return len(since), self._now_ms() - min(since, default=self._now_ms())

    def subscribe(self, job_id: str, events: tuple[str, ...], host: str) -> None:
        self._subscribed[job_id] = frozenset(events)
        self._hosts[job_id] = host

    def enqueue_event(self, job: JobRecord, event: WebhookEventType, index: int | None = None) -> None:
        """Add an event with a snapshot of the job, once, if the job's webhook subscribes to it."""
        key, now = delivery_id(job.id, event, index), self._now_ms()
        if event in self._subscribed[job.id] and key not in self._deliveries:
            host = self._hosts[job.id]
            self._deliveries[key] = DeliveryRecord(
                key, job.id, job.tenant, host, event, DeliveryStatus.PENDING, now, attempt=0, record=job
            )
            self._schedule(key, now)

    def claim(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        now = self._now_ms()
        claimed_keys, until = self._claims.get(request.claim_id, ((), 0))
        if until > now:
            claimed = [self._deliveries.get(key) for key in claimed_keys]
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
        delivery = self._deliveries.get(result.delivery_id)
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

    def of_job(self, job_id: str, images: int) -> tuple[DeliveryRecord, ...]:
        """Return a job's deliveries: start, images by index, end."""
        return tuple(self._deliveries[key] for key in delivery_ids(job_id, images) if key in self._deliveries)

    def has_pending(self, job: JobRecord) -> bool:
        return any(each.status is DeliveryStatus.PENDING for each in self.of_job(job.id, job.images))

    def replay(self, tenant: str, key: str, archived: DeliveryRecord | None) -> DeliveryRecord | None:
        delivery = self._deliveries.get(key)
        if delivery is None and archived is not None:
            delivery = self._deliveries[key] = archived
        if delivery is None or delivery.tenant != tenant:
            return None
        if delivery.claim_id is None:
            attempt = delivery.attempt if delivery.status is DeliveryStatus.PENDING else 0
            self.unarchived.pop(key, None)
            self._change(key, status=DeliveryStatus.PENDING, attempt=attempt)
            self._schedule(key, self._now_ms())
        return self._deliveries[key]

    def delete(self, job_id: str, images: int) -> None:
        """Delete a job's deliveries; no new ones are added."""
        self._subscribed.pop(job_id, None)
        for delivery in self.of_job(job_id, images):
            self._dequeue(delivery.id)
            del self._deliveries[delivery.id]
            self._pending_since.pop(delivery.id, None)
            self.unarchived.pop(delivery.id, None)
        self._hosts.pop(job_id, None)

    def release(self, job: JobRecord) -> None:
        """Let the deliveries of a job, which have ended, follow it to the history."""
        self.unarchived.update((delivery.id, self._now_ms()) for delivery in self.of_job(job.id, job.images))

    def lease_unarchived(self, lease_ms: int, limit: int) -> tuple[DeliveryRecord, ...]:
        """Return deliveries to archive; each again after the lease."""
        now = self._now_ms()
        due = sorted((due_ms, key) for key, due_ms in self.unarchived.items() if due_ms <= now)[:limit]
        self.unarchived.update((key, now + lease_ms) for _, key in due)
        return tuple(self._deliveries[key] for _, key in due)

    def confirm(self, archived: Sequence[DeliveryRecord]) -> None:
        for each in archived:
            delivery = self._deliveries.get(each.id)
            if delivery and delivery.status is not DeliveryStatus.PENDING and delivery.log_json == each.log_json:
                del self._deliveries[each.id]
                self.unarchived.pop(each.id, None)

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
        self._pending_since.setdefault(key, self._now_ms())
        self._queues.schedule(key, delivery.tenant, delivery.host, due_ms, self._now_ms())

    def _dequeue(self, key: str) -> None:
        delivery = self._deliveries[key]
        self._queues.remove(key, delivery.tenant, delivery.host, self._now_ms())

    def _end(self, key: str, status: DeliveryStatus) -> None:
        self._dequeue(key)
        self._pending_since.pop(key, None)
        self._change(key, status=status, claim_id=None, due_ms=None)
        if not self._has_job(self._deliveries[key].job_id):
            self.unarchived[key] = self._now_ms()

    def _change(self, key: str, **fields: object) -> None:
        self._deliveries[key] = replace(self._deliveries[key], **fields)
