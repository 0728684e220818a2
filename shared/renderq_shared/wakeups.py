"""Wake-ups: Celery messages that say "this model has work" and hold no job.

A lost, doubled or late one is harmless: a worker asks Redis for the job, and the sweep tops up what is missing.
"""

import threading
from collections import Counter

import structlog
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from renderq_shared.redis.clients import celery_url
from renderq_shared.redis.sentinel_url import parse_sentinel_url
from renderq_shared.redis.wakeup_queues import queue_name

WAKE_TASK = "renderq.wake"
"""Name of the one Celery task; its argument is the model's name."""

log = structlog.get_logger(__name__)

_TRANSPORT = {
    # A dead connection is noticed in seconds, not in the kernel's quarter of an hour.
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 3,  # a worker that was cut off would stay deaf for half a minute, or for as long again
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
}


def celery_app(redis_url: str, models: tuple[str, ...] = ()) -> Celery:
    """The Celery application, wrapped once for both sides. A worker names the models whose queues it consumes.

    Early acknowledgement, no results, no prefetch: Celery carries wake-ups and promises nothing about jobs.
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
    """Publishes wake-ups from a thread of its own, so that nobody waits for a broker.

    `notify` never blocks and never raises. What could not be published is dropped: the sweep finds out.
    """

    def __init__(self, redis_url: str) -> None:
        self._app = celery_app(redis_url)
        self._wanted: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
        self._thread.start()

    def notify(self, model: str, count: int = 1) -> None:
        """Ask for `count` wake-ups of a model."""
        with self._changed:
            self._wanted[model] += count
            self._changed.notify()

    def close(self) -> None:
        """Publish what was asked for, if the broker answers, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        with self._app.connection_for_write() as connection:
            while (wanted := self._take()) is not None:
                try:
                    with self._app.amqp.Producer(connection, auto_declare=False) as producer:
                        for model in wanted.elements():
                            self._app.send_task(
                                WAKE_TASK, (model,), queue=queue_name(model), producer=producer, retry=False
                            )
                except (OperationalError, OSError) as error:
                    connection.release()
                    log.warning("wakeups_not_published", models=dict(wanted), reason=str(error))

    def _take(self) -> Counter[str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closing)
            if not self._wanted:
                return None
            wanted, self._wanted = self._wanted, Counter()
            return wanted
