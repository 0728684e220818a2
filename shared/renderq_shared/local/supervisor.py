"""Brings the parts up in order, keeps them alive, takes them down in order."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

import httpx2

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import async_client
from renderq_shared.jobs.redis import commands
from renderq_shared.local.embedded_redis import SYNC_S, EmbeddedRedis
from renderq_shared.local.processes import ProcessSpec, SupervisedProcess
from renderq_shared.redis.scripts import execute_async

_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What runs, in the order of starting."""

    url: str
    """Address of the API."""
    redis: EmbeddedRedis | None
    """`None`: somebody else runs it."""
    redis_url: str
    api: ProcessSpec
    workers: Sequence[ProcessSpec]


class Supervisor:
    """Owns the children of one `renderq up`."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._children: list[SupervisedProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        names = [spec.name for spec in (plan.api, *plan.workers)] + ["redis", "up"]
        self._name_width = max(map(len, names))

    async def run(self) -> int:
        """Run everything until SIGINT or SIGTERM; a second signal kills. The exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        bringing_up = loop.create_task(self._guard(self._start_all()))
        await self._stopping.wait()
        bringing_up.cancel()
        self._print_line("up", self._failure or "stopping; once more to kill")
        for child in reversed(self._children):  # whoever needs a part ends before it
            await child.stop()
        if self._plan.redis is not None:
            self._plan.redis.remove_url()
        await asyncio.gather(bringing_up, *self._tasks, return_exceptions=True)
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
        await _until_servable(self._plan.url, self._plan.redis_url)
        print(f"ready {self._plan.url}", flush=True)  # noqa: T201 - the line that people and scripts wait for

    async def _keep_synced(self, redis: EmbeddedRedis) -> None:
        while not self._stopping.is_set():
            await asyncio.to_thread(redis.sync)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SYNC_S)

    def _start(self, spec: ProcessSpec) -> None:
        child = SupervisedProcess(spec, self._print_line)
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._guard(child.run())))

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        """Whatever goes wrong in one part ends the whole, with that reason as the last word."""
        try:
            await work
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


async def _until_servable(url: str, redis_url: str) -> None:
    """Return once the API is ready and there is a live worker."""
    async with (
        httpx2.AsyncClient(base_url=url, timeout=2, trust_env=False) as http,
        async_client(redis_url) as redis,
    ):
        while True:
            with contextlib.suppress(httpx2.HTTPError, StoreUnavailable):
                ready = await http.get("/readyz")
                if ready.is_success and await execute_async(redis, commands.workers()):  # the API might ask for a key
                    return
            await asyncio.sleep(_POLL_S)
