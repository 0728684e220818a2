"""One worker process: a worker, what wakes it, who hears of it and who watches it, up to its last signal."""

import os
import threading
import time
from collections.abc import Sequence

import structlog
from redis import Redis

from renderq_shared.catalog import ModelEntry
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.jobs.redis.notifications import CancelSubscriber
from renderq_shared.objects.store import ObjectStore
from renderq_shared.settings.models import WorkerSettings
from renderq_shared.wakeups import WakeupPublisher
from renderq_worker.claims.consumer import Consumer
from renderq_worker.engine import create_engine, device_name
from renderq_worker.process.heartbeat import WorkerHeartbeat, resolve_worker_id
from renderq_worker.process.watchdog import Watchdog
from renderq_worker.process.worker import Worker
from renderq_worker.threads.periodic_thread import PeriodicThread
from renderq_worker.threads.signals import StopSignals

log = structlog.get_logger(__name__)

_POLL_INTERVAL_S = 0.1
"""How often the main thread, while draining, looks whether anything is still held."""
_SHUTDOWN_TIMEOUT_S = 3.0
"""Time that one part gets to end."""
_LAST_RESORT_S = 10.0
"""Time that all parts together get to end."""


class WorkerProcess:
    """Raises `DeviceUnusable` when made. Loads no model before the first job."""

    def __init__(
        self, settings: WorkerSettings, entries: Sequence[ModelEntry], client: Redis, objects: ObjectStore
    ) -> None:
        self._id = resolve_worker_id(settings.worker_name)
        self._models = tuple(entry.name for entry in entries)
        self._drain_s = settings.drain_seconds
        engine = create_engine(settings, entries)
        self._device = device_name(settings)
        store = RedisJobStore(client)
        self._client = client
        self._wakeups = wakeups = WakeupPublisher(settings.redis_url)
        self._worker = worker = Worker(self._id, self._models, settings, store, objects, engine, wakeups.notify)
        threads = settings.worker_slots + 1  # one to pass on what comes when all slots hold jobs
        self._consumer = Consumer(
            settings.redis_url, self._models, self._id, threads, worker.handle_wakeup, worker.can_accept
        )
        worker.on_slots_freed(self._consumer.recheck_capacity)
        self._registration = WorkerHeartbeat(store, self._id, self._device, self._models, engine, worker.claimed_jobs)
        watchdog = Watchdog(engine, worker.operations, settings.stall_seconds, self._consumer)
        self._watchdog_ticker = PeriodicThread("watchdog", watchdog.tick)
        self._registration_ticker = PeriodicThread("registration", self._registration.tick)

    def run(self, signals: StopSignals) -> int:
        """Work until a signal, drain, leave; the exit code. A second signal ends the draining."""
        self._worker.start()
        cancels = CancelSubscriber(self._client, lambda _job_id, claim_id: self._worker.cancel(claim_id))
        self._registration.tick()
        self._registration_ticker.start()
        self._consumer.start()
        self._watchdog_ticker.start()
        log.info("worker ready", worker=self._id, models=list(self._models), device=self._device)
        signals.wait()
        self._drain(signals)
        _exit_after(_LAST_RESORT_S)
        cancels.close()
        self._close()
        log.info("worker stopped", worker=self._id)
        return 0

    def _drain(self, signals: StopSignals) -> None:
        """Claim nothing more, let jobs end for a while, hand back the rest."""
        end = time.monotonic() + self._drain_s
        _exit_after(self._drain_s + _LAST_RESORT_S)
        held = self._worker.claimed_jobs
        log.info("worker draining", jobs=len(held), seconds=self._drain_s)
        self._registration.drain()
        self._registration_ticker.wake()
        self._worker.stop_claiming()
        while held and time.monotonic() < end and not signals.received_within(_POLL_INTERVAL_S):
            pass
        self._worker.release_jobs()

    def _close(self) -> None:
        self._watchdog_ticker.close(_SHUTDOWN_TIMEOUT_S)
        self._consumer.close(_SHUTDOWN_TIMEOUT_S)
        self._wakeups.close()
        self._registration_ticker.close(_SHUTDOWN_TIMEOUT_S)
        self._registration.deregister()
        self._worker.close()


def _exit_after(seconds: float) -> None:
    """The last resort: what cannot be interrupted must not keep a process that is asked to end."""

    def exit_now() -> None:
        time.sleep(seconds)
        log.warning("worker_ends", reason="not everything ended in time")
        os._exit(0)

    threading.Thread(target=exit_now, name="last resort", daemon=True).start()
