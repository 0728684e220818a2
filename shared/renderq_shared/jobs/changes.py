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
from typing import Any, cast

import structlog
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from renderq_shared.jobs.decoding import job_record
from renderq_shared.jobs.records import JobRecord

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


async def watch_changes(client: AsyncRedis) -> AsyncGenerator[Change | KeysChanged | Reconnected]:
    """All changes from now on, over one subscription that reconnects by itself; endless."""
    pause, longest = _BACKOFF_S
    while True:
        pubsub = client.pubsub()
        try:
            await pubsub.subscribe(KEYS_CHANGED, CHANGES)
            quiet = False
            while True:
                message = await pubsub.get_message(timeout=_QUIET_S)
                if message is None and quiet:
                    raise ConnectionError("no sign of life")
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "subscribe" and message["channel"] == CHANGES:
                    pause = _BACKOFF_S[0]
                    yield Reconnected()
                elif message["type"] == "message" and message["channel"] == KEYS_CHANGED:
                    yield KeysChanged()
                elif message["type"] == "message":
                    yield read_change(str(message["data"]))
                quiet = message is None
        except (RedisError, OSError) as error:
            log.warning("changes_unsubscribed", reason=str(error), retry_in_s=pause)
        finally:
            await cast(Any, pubsub).aclose()
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)


def read_change(snapshot: str) -> Change:
    """What one message on `CHANGES` says."""
    record = job_record(json.loads(snapshot))
    return Change(record.id, record.tenant, record.version, record)


class CancelListener:
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
