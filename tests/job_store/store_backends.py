"""Backends of the job store behind one interface, with time that passes on demand."""

import asyncio
import secrets
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from renderq_shared.jobs import Command, JobStore
from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.jobs.redis import AsyncRedisJobStore, RedisJobStore
from renderq_shared.redis.clients import async_client, sync_client
from renderq_shared.redis.wakeup_queues import queue_name
from tests.job_store.lossy_proxy import LossyProxy
from tests.job_store.time_travel import make_older


@dataclass(frozen=True)
class StoreBackend:
    """A job store and control of its environment."""

    store: JobStore
    advance: Callable[[int], None]
    """Let this many milliseconds pass."""
    add_wakeup: Callable[[str], None]
    """Add a waiting wake-up of a model."""
    watch_previews: Callable[[str], AbstractContextManager[Callable[[], list[str]]]]
    """Subscribe to a job's previews. The yielded function returns those received since its last call."""


@contextmanager
def memory_backend() -> Iterator[StoreBackend]:
    clock, wakeups, viewers = [1_800_000_000_000], Counter[str](), defaultdict[str, list[list[str]]](list)

    def advance(ms: int) -> None:
        clock[0] += ms

    def add_wakeup(model: str) -> None:
        wakeups[model] += 1

    @contextmanager
    def watch_previews(job_id: str) -> Iterator[Callable[[], list[str]]]:
        received: list[str] = []
        viewers[job_id].append(received)
        yield lambda: [received.pop(0) for _ in range(len(received))]
        viewers[job_id].remove(received)

    def publish(job_id: str, preview_json: str) -> None:
        for received in viewers[job_id]:
            received.append(preview_json)

    store = MemoryJobStore(
        lambda: clock[0], wakeups.__getitem__, preview_viewers=lambda job_id: len(viewers[job_id]), on_preview=publish
    )
    yield StoreBackend(store, advance, add_wakeup, watch_previews)


@contextmanager
def redis_backend(url: str, wrap: Callable[[redis.Redis], JobStore] | None = None) -> Iterator[StoreBackend]:
    with sync_client(url) as client:
        store = wrap(client) if wrap else RedisJobStore(client)
        yield _redis_store_backend(store, client)


@contextmanager
def async_backend(url: str) -> Iterator[StoreBackend]:
    with sync_client(url) as client, BlockingStore(url) as store:
        yield _redis_store_backend(store, client)


@contextmanager
def lossy_backend(url: str, port: int) -> Iterator[StoreBackend]:
    """Redis behind a proxy that loses replies, so that redis-py retries."""
    with sync_client(url) as client, LossyProxy(port, loss=0.15, seed=7) as proxy:
        retry = Retry(NoBackoff(), retries=50)
        with redis.Redis(port=proxy.port, decode_responses=True, retry=retry) as lossy:
            yield _redis_store_backend(RedisJobStore(lossy), client)


def _redis_store_backend(store: JobStore, client: redis.Redis) -> StoreBackend:
    return StoreBackend(
        store,
        advance=lambda ms: make_older(client, ms),
        add_wakeup=lambda model: client.rpush(queue_name(model), "wake") and None,
        watch_previews=lambda job_id: _watch_channel(client, f"rq:previews:{job_id}"),
    )


@contextmanager
def _watch_channel(client: redis.Redis, channel: str) -> Iterator[Callable[[], list[str]]]:
    with client.pubsub() as pubsub:
        messages = pubsub.listen()
        pubsub.subscribe(channel)
        assert next(messages)["type"] == "subscribe"

        def received() -> list[str]:
            end = f"end {secrets.token_hex(4)}"
            client.publish(channel, end)
            texts = iter(lambda: next(messages)["data"], end)
            return [text for text in texts if not text.startswith("end ")]  # of other subscribers

        yield received
        pubsub.unsubscribe(channel)
        while next(messages)["type"] != "unsubscribe":
            pass


class RepeatingStore(RedisJobStore):
    """Runs every script twice, like a client that lost the first reply, and returns the second answer."""

    def call(self, command: Command[Any]) -> Any:
        first, second = super().call(command), super().call(command)
        # These report each change only to the call that made it.
        return first if command.name in {"sweep", "apply_retention", "claim_purge"} else second


class BlockingStore:
    """Blocking interface of an `AsyncRedisJobStore` whose event loop runs in a thread."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._client = async_client(url)
        # A busy machine can exceed the production timeouts.
        self._client.connection_pool.connection_kwargs.update(socket_timeout=10, socket_connect_timeout=10)
        self._store = AsyncRedisJobStore(self._client)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._wait(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, command: Command[Any]) -> Any:
        return self._wait(self._store.call(command))

    def _wait(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self._loop).result()
