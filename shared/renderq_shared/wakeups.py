"""Wake-ups: Celery messages that tell workers that a model has queued jobs. They contain no job.

A lost, duplicate or late wake-up is harmless: the worker claims the job from the job store, and the sweep publishes
missing wake-ups.
"""

import threading
from collections import Counter

import structlog
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from renderq_shared.outage import Outage
from renderq_shared.redis.clients import celery_url
from renderq_shared.redis.sentinel_url import parse_sentinel_url
from renderq_shared.redis.wakeup_queues import queue_name
from renderq_shared.threads import SupervisedThread

WAKE_TASK = "renderq.wake"
"""Name of the only Celery task. Its argument is the model's name."""

log = structlog.get_logger(__name__)

_TRANSPORT = {
    # Detect a dead connection within seconds instead of the kernel's 15 minutes.
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 3,  # with the default of 25 s, a reconnected worker misses wake-ups for up to a minute
    # kombu's own delays between connection attempts grow to 30 s, too long for queued jobs.
    "interval_start": 0.5,
    "interval_step": 0.25,
    "interval_max": 1.0,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
}


def celery_app(redis_url: str, models: tuple[str, ...] = ()) -> Celery:
    """Create the Celery application of the API or a worker. A worker passes the models whose queues it consumes.

    Early acknowledgment, no results, no prefetch: Celery only carries wake-ups; guarantees about jobs do not depend
    on it.
    """
    sentinels = parse_sentinel_url(redis_url)
    app = Celery("renderq", broker=celery_url(redis_url), set_as_current=False)
    app.conf.update(
        task_queues=[Queue(queue_name(model), routing_key=queue_name(model)) for model in models],
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={**_TRANSPORT, **({"master_name": sentinels.service} if sentinels else {})},
        task_publish_retry=False,
    )
    return app


class WakeupPublisher:
    """Publishes wake-ups from its own thread, so that no caller waits for the broker.

    `notify` never blocks and never raises. A wake-up that cannot be published is dropped; the sweep replaces it.
    """

    def __init__(self, redis_url: str) -> None:
        self._app = celery_app(redis_url)
        self._pending: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closing = False
        self.published = 0
        """Number of wake-ups published so far."""
        self._outage = Outage()
        self._thread = SupervisedThread("wakeups", self._run)
        self._thread.start()

    def notify(self, model: str, count: int = 1) -> None:
        """Request `count` wake-ups of a model."""
        with self._changed:
            self._pending[model] += count
            self._changed.notify()

    def close(self) -> None:
        """Publish pending wake-ups if the broker responds, then stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        with self._app.connection_for_write() as connection:
            while (pending := self._take()) is not None:
                try:
                    with self._app.amqp.Producer(connection, auto_declare=False) as producer:
                        for model in pending.elements():
                            self._app.send_task(
                                WAKE_TASK, (model,), queue=queue_name(model), producer=producer, retry=False
                            )
                            self.published += 1
                except (OperationalError, RedisError, OSError) as error:
                    connection.release()
                    if self._outage.has_new_cause(error):
                        log.warning("wakeups.publish_failed", models=dict(pending), reason=str(error))
                else:
                    self._outage.end()

    def _take(self) -> Counter[str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            if not self._pending:
                return None
            pending, self._pending = self._pending, Counter()
            return pending
