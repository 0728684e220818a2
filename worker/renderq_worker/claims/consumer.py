"""Consumer of wake-ups: the only module of the worker that uses Celery's worker API."""

import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery.app.trace import setup_worker_optimizations
from celery.worker import WorkController, state
from celery.worker.consumer import Consumer as CeleryConsumer

from renderq_shared.wakeups import WAKE_TASK, celery_app

log = structlog.get_logger(__name__)

_RECONNECT_MIN_S, _RECONNECT_MAX_S = 0.5, 2.0
"""Celery's own delays grow to 30 s, too long for queued jobs."""


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

        app = celery_app(redis_url, models)
        # Only silences a deprecation warning: no task acknowledges late.
        app.conf.worker_cancel_long_running_tasks_on_connection_loss = True
        app.task(name=WAKE_TASK, shared=False)(wake)
        # The pool's threads look tasks up in the process-wide app and silently drop unknown ones.
        setup_worker_optimizations(app)
        self._controller = _Controller(
            app=app,
            hostname=f"renderq@{worker_id}",
            pool="threads",
            concurrency=threads,
            consumer_cls=_Consumer,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._controller.gate = self._gate = _Gate(can_accept)
        self._thread = threading.Thread(target=self._run, name="celery", daemon=True)

    def start(self) -> None:
        state.should_stop = None
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def recheck_capacity(self) -> None:
        """Ask `can_accept` again. Cheap; callable from any thread."""
        if self._gate.is_closed:
            self._controller.hub.call_soon(_noop)  # Celery checks the gate in every turn of its loop

    def close(self, timeout_s: float) -> None:
        """Stop consuming. The job claimer must be closed first, because Celery waits for its tasks."""
        state.should_stop = 0
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("celery.still_running", waited_s=timeout_s)

    def _run(self) -> None:
        try:
            self._controller.start()
        except BaseException:
            log.exception("celery.crashed")
            raise


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
    hub: Any


class _Consumer(CeleryConsumer):
    """Celery's consumer with a gate and shorter reconnect delays."""

    controller: Any
    task_consumer: Any

    def on_ready(self) -> None:
        """Called after every connect, before anything is consumed."""
        super().on_ready()
        gate, channel = self.controller.gate, self.task_consumer.channel
        has_thread = channel.qos.can_consume
        # A poll in progress is still read when the gate closes: its message would be lost to other workers.
        channel.qos.can_consume = lambda: has_thread() and (bool(channel._in_poll) or gate.is_open())

    def ensure_connected(self, conn: Any) -> Any:
        def on_error(error: Exception, delay_s: float) -> None:
            log.warning("wakeups.disconnected", reason=str(error), retry_in_s=delay_s)

        return conn.ensure_connection(
            on_error,
            interval_start=_RECONNECT_MIN_S,
            interval_step=_RECONNECT_MIN_S,
            interval_max=_RECONNECT_MAX_S,
            callback=state.maybe_shutdown,
        )


def _noop() -> None:
    pass
