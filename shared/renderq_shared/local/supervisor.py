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
from renderq_shared.line_writer import LineWriter
from renderq_shared.local.embedded_redis import SYNC_INTERVAL_S, EmbeddedRedis
from renderq_shared.local.processes import EXIT_CONFIG, ConfigurationRejected, ProcessSpec, SupervisedProcess
from renderq_shared.outage import Outage
from renderq_shared.redis.clients import async_client
from renderq_shared.stop_signals import ESCALATING, stop_signals

_POLL_S = 0.25

_EXIT_FAILED = 1

_FLUSH_TIMEOUT_S = 1.0
"""Time for the last lines of output, if their reader stalls."""


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
    has_page: bool
    """True if a browser can open `url`."""


class Supervisor:
    """Owner of the child processes of one `renderq up`."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._children: list[SupervisedProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._exit_code = 0
        self._output = LineWriter()
        names = [spec.name for spec in (plan.api, *plan.workers)] + ["redis", "up"]
        self._name_width = max(map(len, names))

    async def run(self) -> int:
        """Run until a stop signal and return the exit code; a second signal kills the processes."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._on_signal, number)
        startup = loop.create_task(self._guard(self._start_all()))
        await self._stopping.wait()
        startup.cancel()
        self._print_line("up", self._failure or "stopping; press Ctrl-C again to kill")
        for child in reversed(self._children):  # dependents first
            await child.stop()
        if self._plan.redis is not None:
            self._plan.redis.remove_url()
        await asyncio.gather(startup, *self._tasks, return_exceptions=True)
        if self._failure is not None:
            self._print_line("up", self._failure)  # again, below what the other processes said at their end
        self._output.flush(_FLUSH_TIMEOUT_S)
        return self._exit_code

    async def _start_all(self) -> None:
        if self._plan.redis is not None:
            self._start(self._plan.redis.spec())
            await self._plan.redis.wait_until_loaded(lambda progress: self._print_line("redis", progress))
            self._plan.redis.publish_url()
            if not self._plan.redis.durable:
                self._tasks.append(asyncio.create_task(self._guard(self._keep_synced(self._plan.redis))))
        self._start(self._plan.api)
        for spec in self._plan.workers:
            self._start(spec)
        await _wait_until_ready(self._plan.url, self._plan.redis_url)
        self._output.write(sys.stdout, f"ready {self._plan.url}")  # users and scripts wait for this line
        if self._plan.has_page:
            self._print_line("up", f"open {self._plan.url} in a browser")

    async def _keep_synced(self, redis: EmbeddedRedis) -> None:
        outage = Outage()
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(redis.sync)
            except OSError as error:
                if outage.has_new_cause(error):
                    self._print_line("redis", f"cannot sync the data to disk, a power failure would lose jobs: {error}")
            else:
                if outage.end():
                    self._print_line("redis", "the data is synced to disk again")
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
            if self._failure is None:
                self._failure = str(error) or repr(error)
                self._exit_code = EXIT_CONFIG if isinstance(error, ConfigurationRejected) else _EXIT_FAILED
            self._stopping.set()

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stopping.is_set() and number in ESCALATING:
            for child in self._children:
                child.kill()
        self._stopping.set()

    def _print_line(self, name: str, text: str) -> None:
        if dropped := self._output.take_dropped():
            self._output.write(sys.stderr, f"… {dropped} lines were left out, because nobody read them")
        self._output.write(sys.stderr, f"{name:<{self._name_width}} │ {text}")


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
