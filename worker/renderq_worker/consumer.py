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
    """Consumes the wake-ups of `models` on `slots` threads and calls `on_wake(model)` on one of them.

    Runs on a thread of its own, so that Celery's signal handlers are never installed: signals are the process's.
    """

    def __init__(
        self, redis_url: str, models: tuple[str, ...], worker_id: str, slots: int, on_wake: Callable[[str], None]
    ) -> None:
        def wake(model: str) -> None:
            on_wake(model)

        app = celery_app(redis_url, models)
        app.conf.worker_cancel_long_running_tasks_on_connection_loss = (
            True  # no task acknowledges late: it says nothing
        )
        app.task(name=WAKE_TASK, shared=False)(wake)
        # The pool's threads look tasks up in the process's application, and drop what they do not find without a word.
        setup_worker_optimizations(app)
        self._controller = WorkController(
            app=app,
            hostname=f"renderq@{worker_id}",
            pool="threads",
            concurrency=slots,
            consumer_cls=_Consumer,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._thread = threading.Thread(target=self._run, name="celery", daemon=True)

    def start(self) -> None:
        state.should_stop = None
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

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


class _Consumer(CeleryConsumer):
    """Celery's consumer, quicker to come back when Redis does."""

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
