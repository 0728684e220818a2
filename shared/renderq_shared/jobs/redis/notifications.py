"""Watching the store: every change of every job and of the API keys for the API, every cancel for a worker.

Pub/sub promises nothing. Whoever watches reads again after `Reconnected`; a worker learns of a missed cancel from
its next renewal.
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

from renderq_shared.jobs.previews import PreviewChannels, PreviewMessage, decode_preview
from renderq_shared.jobs.records import JobRecord
from renderq_shared.jobs.redis.codec import decode_job

CHANGES = "rq:changes"
"""Channel of job snapshots: JSON objects of the job's hash."""

CANCELS = "rq:cancels"
"""Channel of "ID CLAIM": the holder of this claim should stop."""

KEYS_CHANGED = "rq:keys-changed"
"""Channel that says that there is another version of the API keys."""

_QUIET_S = 5.0
"""A connection that was quiet for this long is asked for a sign of life, and dropped if it gives none for as long."""

_BACKOFF_S = (0.1, 2.0)
"""First and longest pause before connecting again; it doubles."""

_POLL_S = 0.2
"""How soon the listening thread sees that it should end."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """A job as it was right after a change."""

    job_id: str
    tenant: str
    version: int
    record: JobRecord


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The subscription has begun, for the first time or again: what happened before it went unseen."""


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """An API key was created or revoked."""


Notification: TypeAlias = Change | PreviewMessage | KeysChanged | Reconnected


async def subscribe(client: AsyncRedis, previews: PreviewChannels) -> AsyncGenerator[Notification]:
    """All changes and those previews that are wanted, over one subscription that reconnects by itself; endless."""
    pause, longest = _BACKOFF_S
    while True:
        subscription = _Subscription(client, previews)
        try:
            await subscription.begin()
            while True:
                event = await subscription.next()
                if isinstance(event, Reconnected):
                    pause = _BACKOFF_S[0]
                if event is not None:
                    yield event
        except (RedisError, OSError) as error:
            log.warning("changes_unsubscribed", reason=str(error), retry_in_s=pause)
        finally:
            await subscription.end()
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)


class _Subscription:
    """One connection that listens, to more and to less as wishes change."""

    def __init__(self, client: AsyncRedis, previews: PreviewChannels) -> None:
        self._pubsub = client.pubsub()
        self._previews = previews
        self._reading: asyncio.Future[Any] | None = None
        self._wishing: asyncio.Future[None] | None = None
        self._quiet = False

    async def begin(self) -> None:
        await self._pubsub.subscribe(KEYS_CHANGED, CHANGES, *self._previews.restart())

    async def next(self) -> Notification | None:
        """What came, if it is of interest. Raises `RedisError` or `OSError` when the connection is lost."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._pubsub.get_message(timeout=_QUIET_S))
        if self._wishing is None:
            self._wishing = asyncio.ensure_future(self._previews.wait_for_change())
        await asyncio.wait({self._reading, self._wishing}, return_when=asyncio.FIRST_COMPLETED)
        if self._wishing.done():
            self._wishing = None
            await self._sync_channels()
        if not self._reading.done():
            return None
        message, self._reading = self._reading.result(), None
        return await self._read(message)

    async def end(self) -> None:
        tasks = [task for task in (self._reading, self._wishing) if task is not None]
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
        if message is None and self._quiet:
            raise ConnectionError("no sign of life")
        self._quiet = message is None
        if message is None:
            await self._pubsub.ping()
            return None
        kind, channel = message["type"], message["channel"]
        if kind != "message":
            return Reconnected() if kind == "subscribe" and channel == CHANGES else None
        if channel == CHANGES:
            return decode_change(message["data"])
        return KeysChanged() if channel == KEYS_CHANGED else decode_preview(channel, message["data"])


def decode_change(snapshot: str) -> Change:
    """What one message on `CHANGES` says."""
    record = decode_job(json.loads(snapshot))
    return Change(record.id, record.tenant, record.version, record)


class CancelSubscriber:
    """Tells a worker at once which of its jobs should stop, from a thread of its own that reconnects by itself."""

    def __init__(self, client: Redis, on_cancel: Callable[[str, str], None]) -> None:
        """`on_cancel(job_id, claim_id)` is called for every cancel of any worker's job; it must be quick."""
        self._client = client
        self._on_cancel = on_cancel
        self._closing = threading.Event()
        self.subscribed = threading.Event()
        """Set while cancels are heard."""
        self._thread = threading.Thread(target=self._run, name="cancels", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear nothing more. A thread that is just waiting for a server that is away ends a little later."""
        self._closing.set()
        self._thread.join(timeout=2 * _POLL_S)

    def _run(self) -> None:
        pause, longest = _BACKOFF_S
        while not self._closing.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                if self._closing.is_set():
                    return
                log.warning("cancels_unsubscribed", reason=str(error), retry_in_s=pause)
            pause = _BACKOFF_S[0] if self.subscribed.is_set() else min(pause * 2, longest)
            self.subscribed.clear()
            self._closing.wait(pause)

    def _listen(self) -> None:
        with self._client.pubsub() as pubsub:
            pubsub.subscribe(CANCELS)
            heard = asked = time.monotonic()
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=_POLL_S)
                now = time.monotonic()
                if message is not None:
                    heard = asked = now
                elif now - heard > 2 * _QUIET_S:
                    raise ConnectionError("no sign of life")
                elif now - asked > _QUIET_S:
                    asked = now
                    pubsub.ping()
                if message and message["type"] == "subscribe":
                    self.subscribed.set()
                elif message and message["type"] == "message":
                    job_id, claim_id = str(message["data"]).split(" ", 1)
                    self._on_cancel(job_id, claim_id)
