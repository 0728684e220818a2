"""Celery, wrapped once: a worker in this process that turns wake-ups into slots."""

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
"""Celery's own pauses grow to 30 s: too long for jobs that wait."""


class Consumer:
    """Consumes the wake-ups of `models` on so many threads and calls `on_wakeup(model)` on one of them.

    While `can_accept()` says no it leaves them to other workers; `look_again` tells that the answer may have changed.
    Runs on a thread of its own, so that Celery's signal handlers are never installed: signals are the process's.
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
        app.conf.worker_cancel_long_running_tasks_on_connection_loss = (
            True  # no task acknowledges late: it says nothing
        )
        app.task(name=WAKE_TASK, shared=False)(wake)
        # The pool's threads look tasks up in the process's application, and drop what they do not find without a word.
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
        """There may be room. Callable from any thread, as often as you like."""
        if self._gate.is_shut:
            self._controller.hub.call_soon(_nothing)  # Celery looks at the gate whenever its loop turns

    def close(self, timeout_s: float) -> None:
        """Consume nothing more. Slots must be closed, because Celery waits for its tasks."""
        state.should_stop = 0
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("celery_still_running", waited_s=timeout_s)

    def _run(self) -> None:
        try:
            self._controller.start()
        except BaseException:
            log.exception("celery_ended")
            raise


class _Gate:
    """Stands between wake-ups and a worker that could do nothing with them."""

    def __init__(self, can_accept: Callable[[], bool]) -> None:
        self._can_accept = can_accept
        self.is_shut = True

    def is_open(self) -> bool:
        self.is_shut = True  # before the question: room that comes right after it is then told
        self.is_shut = not self._can_accept()
        return not self.is_shut


class _Controller(WorkController):
    gate: _Gate
    hub: Any


class _Consumer(CeleryConsumer):
    """Celery's consumer, behind a gate, and quicker to come back when Redis does."""

    controller: Any
    task_consumer: Any

    def on_ready(self) -> None:
        """After every connect, before anything is consumed."""
        super().on_ready()
        gate, channel = self.controller.gate, self.task_consumer.channel
        has_thread = channel.qos.can_consume
        # What was asked for before the gate shut is still read: kept, it would be missed by those who have room.
        channel.qos.can_consume = lambda: has_thread() and (bool(channel._in_poll) or gate.is_open())

    def ensure_connected(self, conn: Any) -> Any:
        def on_error(error: Exception, pause_s: float) -> None:
            log.warning("wakeups_away", reason=str(error), again_in_s=pause_s)

        return conn.ensure_connection(
            on_error,
            interval_start=_RECONNECT_MIN_S,
            interval_step=_RECONNECT_MIN_S,
            interval_max=_RECONNECT_MAX_S,
            callback=state.maybe_shutdown,
        )


def _nothing() -> None:
    pass
