"""Pub/sub notifications of the store: changes and deletions of jobs, and API keys, for the API; cancels and drains for
workers.

Delivery is not guaranteed. Subscribers reread after `Reconnected`; a worker that missed a cancel learns of it from its
next lease renewal, and of a drain from its next registration.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import structlog
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from renderq_shared.errors import RecordUnreadable
from renderq_shared.jobs.previews import PreviewChannels, PreviewMessage, decode_preview
from renderq_shared.jobs.records import JobRecord
from renderq_shared.jobs.redis.codec import decode_job
from renderq_shared.outage import Outage
from renderq_shared.threads import SupervisedThread

CHANGES = "rq:changes"
"""Channel of job snapshots: the job's hash as a JSON object."""

DELETIONS = "rq:deletions"
"""Channel of "ID TENANT": the job no longer exists, in the history either."""

CANCELS = "rq:cancels"
"""Channel of "ID CLAIM": the worker with this claim is to stop the job."""

DRAINS = "rq:drains"
"""Channel of ids of workers that are to drain."""

KEYS_CHANGED = "rq:keys-changed"
"""Channel of versions of the API keys."""

_QUIET_S = 5.0
"""A connection without messages for this long is pinged, and dropped without a reply for as long again."""

_BACKOFF_S = (0.1, 2.0)
"""First and maximum delay before reconnecting; the delay doubles."""

_POLL_S = 0.2
"""Interval in which the listening thread checks whether it is closed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """Snapshot of a job right after a change."""

    job_id: str
    tenant: str
    version: int
    record: JobRecord


@dataclass(frozen=True, slots=True)
class Deletion:
    """A job was deleted."""

    job_id: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The subscription has started or restarted. Earlier changes were not received."""


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """An API key was created or revoked."""


Notification: TypeAlias = Change | Deletion | PreviewMessage | KeysChanged | Reconnected


async def subscribe(client: AsyncRedis, previews: PreviewChannels) -> AsyncGenerator[Notification]:
    """Yield all changes, and previews of subscribed jobs, over one connection that reconnects by itself. Never ends."""
    delay_s, max_delay_s = _BACKOFF_S
    outage = Outage()
    while True:
        subscription = _Subscription(client, previews)
        try:
            await subscription.start()
            while True:
                event = await subscription.next()
                if isinstance(event, Reconnected):
                    delay_s = _BACKOFF_S[0]
                    outage.end()
                if event is not None:
                    yield event
        except (RedisError, OSError) as error:
            if outage.has_new_cause(error):
                log.warning("changes.unsubscribed", reason=str(error), retry_in_s=delay_s)
        finally:
            await subscription.close()
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, max_delay_s)


class _Subscription:
    """One pub/sub connection whose channels follow `PreviewChannels`."""

    def __init__(self, client: AsyncRedis, previews: PreviewChannels) -> None:
        self._pubsub = client.pubsub()
        self._previews = previews
        self._next_message: asyncio.Future[Any] | None = None
        self._channels_changed: asyncio.Future[None] | None = None
        self._is_pinged = False

    async def start(self) -> None:
        await self._pubsub.subscribe(KEYS_CHANGED, DELETIONS, CHANGES, *self._previews.restart())

    async def next(self) -> Notification | None:
        """Return the next notification; `None` after other events. Raises `RedisError` or `OSError`."""
        if self._next_message is None:
            self._next_message = asyncio.ensure_future(self._pubsub.get_message(timeout=_QUIET_S))
        if self._channels_changed is None:
            self._channels_changed = asyncio.ensure_future(self._previews.wait_for_change())
        await asyncio.wait({self._next_message, self._channels_changed}, return_when=asyncio.FIRST_COMPLETED)
        if self._channels_changed.done():
            self._channels_changed = None
            await self._sync_channels()
        if not self._next_message.done():
            return None
        message, self._next_message = self._next_message.result(), None
        return await self._read(message)

    async def close(self) -> None:
        tasks = [task for task in (self._next_message, self._channels_changed) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cast(Any, self._pubsub).aclose()

    async def _sync_channels(self) -> None:
        opened, closed = self._previews.pending_changes()
        if opened:
            await self._pubsub.subscribe(*opened)
        if closed:
            await self._pubsub.unsubscribe(*closed)

    async def _read(self, message: dict[str, Any] | None) -> Notification | None:
        if message is None and self._is_pinged:
            raise ConnectionError("no reply to a ping")
        self._is_pinged = message is None
        if message is None:
            await self._pubsub.ping()
            return None
        kind, channel = message["type"], message["channel"]
        if kind != "message":
            return Reconnected() if kind == "subscribe" and channel == CHANGES else None
        try:
            if channel == CHANGES:
                return decode_change(message["data"])
            if channel == DELETIONS:
                job_id, _, tenant = str(message["data"]).partition(" ")
                return Deletion(job_id, tenant)
            return KeysChanged() if channel == KEYS_CHANGED else decode_preview(channel, message["data"])
        except (RecordUnreadable, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("notification.unreadable", channel=channel, reason=repr(error))
            return None


def decode_change(snapshot: str) -> Change:
    """Decode one message of `CHANGES`."""
    record = decode_job(json.loads(snapshot))
    return Change(record.id, record.tenant, record.version, record)


class WorkerSubscriber:
    """Receives cancels of running jobs and drains in its own thread, which reconnects by itself."""

    def __init__(self, client: Redis, on_cancel: Callable[[str, str], None], on_drain: Callable[[str], None]) -> None:
        """`on_cancel(job_id, claim_id)` is called for cancels of all workers' jobs, `on_drain(worker_id)` for drains of
        all workers. They must not block."""
        self._client = client
        self._on_cancel = on_cancel
        self._on_drain = on_drain
        self._closing = threading.Event()
        self.subscribed = threading.Event()
        """Set while the subscription is active."""
        self._thread = SupervisedThread("notifications", self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop. A thread that is waiting for an unavailable server ends a little later."""
        self._closing.set()
        self._thread.join(timeout=2 * _POLL_S)

    def _run(self) -> None:
        delay_s, max_delay_s = _BACKOFF_S
        outage = Outage()
        while not self._closing.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                if self._closing.is_set():
                    return
                if self.subscribed.is_set():
                    outage.end()
                if outage.has_new_cause(error):
                    log.warning("notifications.unsubscribed", reason=str(error), retry_in_s=delay_s)
            delay_s = _BACKOFF_S[0] if self.subscribed.is_set() else min(delay_s * 2, max_delay_s)
            self.subscribed.clear()
            self._closing.wait(delay_s)

    def _listen(self) -> None:
        with self._client.pubsub() as pubsub:
            pubsub.subscribe(DRAINS, CANCELS)
            received = pinged = time.monotonic()
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=_POLL_S)
                now = time.monotonic()
                if message is not None:
                    received = pinged = now
                elif now - received > 2 * _QUIET_S:
                    raise ConnectionError("no reply to a ping")
                elif now - pinged > _QUIET_S:
                    pinged = now
                    pubsub.ping()
                if message and message["type"] == "subscribe" and message["channel"] == CANCELS:
                    self.subscribed.set()
                elif message and message["type"] == "message":
                    self._on_message(str(message["channel"]), str(message["data"]))

    def _on_message(self, channel: str, data: str) -> None:
        if channel == DRAINS:
            self._on_drain(data)
        else:
            job_id, _, claim_id = data.partition(" ")
            self._on_cancel(job_id, claim_id)
