"""Supervisor: starts the processes in order, keeps them alive, and stops them in reverse order."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

import httpx2

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import AsyncRedisJobStore
from renderq_shared.local.embedded_redis import SYNC_INTERVAL_S, EmbeddedRedis
from renderq_shared.local.processes import ProcessSpec, SupervisedProcess
from renderq_shared.redis.clients import async_client

_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Processes of one `renderq up`, in the order of starting."""

    url: str
    """Address of the API."""
    redis: EmbeddedRedis | None
    """`None` for an external server."""
    redis_url: str
    api: ProcessSpec
    workers: Sequence[ProcessSpec]


class Supervisor:
    """Owner of the child processes of one `renderq up`."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._children: list[SupervisedProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        names = [spec.name for spec in (plan.api, *plan.workers)] + ["redis", "up"]
        self._name_width = max(map(len, names))

    async def run(self) -> int:
        """Run until SIGINT or SIGTERM and return the exit code; a second signal kills the processes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        startup = loop.create_task(self._guard(self._start_all()))
        await self._stopping.wait()
        startup.cancel()
        self._print_line("up", self._failure or "stopping; press Ctrl-C again to kill")
        for child in reversed(self._children):  # dependents first
            await child.stop()
        if self._plan.redis is not None:
            self._plan.redis.remove_url()
        await asyncio.gather(startup, *self._tasks, return_exceptions=True)
        return 1 if self._failure else 0

    async def _start_all(self) -> None:
        if self._plan.redis is not None:
            self._start(self._plan.redis.spec())
            await asyncio.to_thread(self._plan.redis.wait_until_loaded)
            self._plan.redis.publish_url()
            if not self._plan.redis.durable:
                self._tasks.append(asyncio.create_task(self._guard(self._keep_synced(self._plan.redis))))
        self._start(self._plan.api)
        for spec in self._plan.workers:
            self._start(spec)
        await _wait_until_ready(self._plan.url, self._plan.redis_url)
        print(f"ready {self._plan.url}", flush=True)  # noqa: T201 - users and scripts wait for this line

    async def _keep_synced(self, redis: EmbeddedRedis) -> None:
        while not self._stopping.is_set():
            await asyncio.to_thread(redis.sync)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SYNC_INTERVAL_S)

    def _start(self, spec: ProcessSpec) -> None:
        child = SupervisedProcess(spec, self._print_line)
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._guard(child.run())))

    async def _guard(self, task: Coroutine[None, None, None]) -> None:
        """Await `task`; if it raises, stop everything with its error as the reason."""
        try:
            await task
        except Exception as error:
            self._failure = self._failure or str(error) or repr(error)
            self._stopping.set()

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            for child in self._children:
                child.kill()
        self._stopping.set()

    def _print_line(self, name: str, text: str) -> None:
        print(f"{name:<{self._name_width}} │ {text}", file=sys.stderr, flush=True)  # noqa: T201


async def _wait_until_ready(url: str, redis_url: str) -> None:
    """Return once the API is ready and a worker is registered."""
    async with (
        httpx2.AsyncClient(base_url=url, timeout=2, trust_env=False) as http,
        async_client(redis_url) as redis,
    ):
        store = AsyncRedisJobStore(redis)
        while True:
            with contextlib.suppress(httpx2.HTTPError, StoreUnavailable):
                ready = await http.get("/readyz")
                # Workers are read from Redis, because the API may require a key.
                if ready.is_success and await store.call(commands.workers()):
                    return
            await asyncio.sleep(_POLL_S)
