"""Consumer of wake-ups: the only module of the worker that uses Celery's worker API."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from celery.app.trace import setup_worker_optimizations
from celery.worker import WorkController, state
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import OutOfMemoryError, RedisError

from renderq_shared.outage import Outage
from renderq_shared.threads import SupervisedThread
from renderq_shared.wakeups import WAKE_TASK, celery_app
from renderq_worker.claims.celery_log import OutageFilter
from renderq_worker.claims.wakeup_filter import WakeupFilter

log = structlog.get_logger(__name__)

_RECONNECT_MIN_S, _RECONNECT_MAX_S = 0.5, 2.0
"""Celery's own delays grow to 30 s, too long for queued jobs."""

_STEADY_S = 10.0
"""An error this long after the last one begins another outage."""


class Consumer:
    """Consumes the wake-ups of `models` and calls `on_wakeup(model)` on one of its `threads`.

    While `can_accept()` is false it leaves wake-ups to other workers; `recheck_capacity` makes it ask again. Runs on a
    thread of its own, so that Celery does not install its signal handlers: the process handles signals.
    """

    def __init__(
        self,
        redis_url: str,
        models: tuple[str, ...],
        worker_id: str,
        threads: int,
        on_wakeup: Callable[[str], None],
        can_accept: Callable[[], bool],
    ) -> None:
        def wake(model: str) -> None:
            on_wakeup(model)

        self._app = app = celery_app(redis_url, models)
        # Only silences a deprecation warning: no task acknowledges late.
        app.conf.worker_cancel_long_running_tasks_on_connection_loss = True
        app.task(name=WAKE_TASK, shared=False)(wake)
        # The pool's threads look tasks up in the process-wide app and silently drop unknown ones.
        setup_worker_optimizations(app)
        self._models = models
        self._on_wakeup = on_wakeup
        self._claiming: Future[None] | None = None
        self._worker_id = worker_id
        self._threads = threads
        self._gate = _Gate(can_accept)
        self._filter = WakeupFilter()
        self._outage = Outage(_STEADY_S)
        self._log_filter = OutageFilter(self._outage)
        self._controller = self._new_controller()
        self._thread = SupervisedThread("celery", self._run)

    def start(self) -> None:
        state.should_stop = None
        self._log_filter.install()
        self._thread.start()

    def recheck_capacity(self) -> None:
        """Ask `can_accept` again. Cheap; callable from any thread."""
        if self._gate.is_closed:
            self._controller.hub.call_soon(_noop)  # Celery checks the gate in every turn of its loop

    def close(self, timeout_s: float) -> None:
        """Stop consuming. The job claimer must be closed first, because Celery waits for its tasks."""
        state.should_stop = 0
        self._thread.join(timeout_s)
        self._log_filter.remove()
        if self._thread.is_alive():
            log.warning("celery.still_running", waited_s=timeout_s)

    def _new_controller(self) -> "_Controller":
        controller = _Controller(
            app=self._app,
            hostname=f"renderq@{self._worker_id}",
            pool="threads",
            concurrency=self._threads,
            consumer_cls=_Consumer,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        controller.gate = self._gate
        controller.wakeup_filter = self._filter
        controller.outage = self._outage
        controller.claim_without_wakeup = self._claim_without_wakeup
        return controller

    def _run(self) -> None:
        """Consume until closed. Celery's worker logs an error that it does not expect, and ends; a new one follows."""
        try:
            self._controller.start()
        finally:
            if state.should_stop is None:
                self._controller = self._new_controller()
        if state.should_stop is None:
            raise RuntimeError("Celery's worker ended")

    def _claim_without_wakeup(self) -> None:
        """Call `on_wakeup` unless the last such call is still running."""
        if self._claiming is None or self._claiming.done():
            self._claiming = self._controller.pool.executor.submit(self._claim_all)

    def _claim_all(self) -> None:
        for model in self._models:
            if self._gate.is_open():
                self._on_wakeup(model)


class _Gate:
    """Keeps wake-ups away from a worker that cannot accept jobs."""

    def __init__(self, can_accept: Callable[[], bool]) -> None:
        self._can_accept = can_accept
        self.is_closed = True

    def is_open(self) -> bool:
        self.is_closed = True  # set first, so that slots freed during the check trigger another one
        self.is_closed = not self._can_accept()
        return not self.is_closed


class _Controller(WorkController):
    gate: _Gate
    wakeup_filter: WakeupFilter
    outage: Outage
    claim_without_wakeup: Callable[[], None]
    hub: Any
    pool: Any

    def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
        """After an error, leave running slots alone: the next controller does not wait for their jobs."""
        if state.should_stop is None:
            self.pool.on_stop = _noop
        super().stop(in_sighandler, exitcode)


class _Consumer(CeleryConsumer):
    """Celery's consumer with a gate, shorter reconnect delays, and patience with a Redis that refuses commands."""

    controller: Any
    connection: Any
    connection_errors: tuple[type[Exception], ...]
    task_consumer: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Refusals, such as those of a replica or a full disk: kombu counts them as bugs, which end Celery's worker.
        self.connection_errors = (*self.connection_errors, RedisError)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        self._wait_after(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        with contextlib.suppress(Exception):
            self.connection.collect()
        self._wait_after(exc)

    def _wait_after(self, error: Exception) -> None:
        self._log_cause(error, _RECONNECT_MIN_S)
        if isinstance(error, OutOfMemoryError) or "WRONGTYPE" in str(error):
            # A full server refuses Celery's commands, but lets jobs start and end, which makes room. A key of Celery
            # that something else has overwritten stops only Celery.
            self.controller.claim_without_wakeup()
        time.sleep(_RECONNECT_MIN_S)

    def _log_cause(self, error: Exception, delay_s: float) -> None:
        """Log each cause of an outage once."""
        if self.controller.outage.has_new_cause(error):
            log.warning("wakeups.disconnected", reason=str(error), retry_in_s=delay_s)

    def on_ready(self) -> None:
        """Called after every connect, before anything is consumed."""
        super().on_ready()
        gate, channel = self.controller.gate, self.task_consumer.channel
        has_thread = channel.qos.can_consume
        # A poll in progress is still read when the gate closes: its message would be lost to other workers.
        channel.qos.can_consume = lambda: has_thread() and (bool(channel._in_poll) or gate.is_open())

    def ensure_connected(self, conn: Any) -> Any:
        def on_error(error: Exception, delay_s: float) -> None:
            self._log_cause(error, delay_s)

        connected = conn.ensure_connection(
            on_error,
            interval_start=_RECONNECT_MIN_S,
            interval_step=_RECONNECT_MIN_S,
            interval_max=_RECONNECT_MAX_S,
            callback=state.maybe_shutdown,
        )
        self.controller.wakeup_filter.attach(connected.default_channel)  # before kombu reads anything
        return connected


def _noop() -> None:
    pass
