"""Composition of one worker process: worker, wake-up consumer, heartbeat, watchdog, shutdown."""

import os
import threading
import time
from collections.abc import Sequence

import structlog
from redis import Redis

from renderq_shared.catalog import ModelEntry
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.jobs.redis.notifications import WorkerSubscriber
from renderq_shared.logs import flush_logs
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import WorkerSettings
from renderq_shared.threads import SupervisedThread
from renderq_shared.tracing import Tracing
from renderq_shared.wakeups import WakeupPublisher
from renderq_worker.claims.consumer import Consumer
from renderq_worker.engine import create_engine, device_name
from renderq_worker.process.heartbeat import WorkerHeartbeat, resolve_worker_id
from renderq_worker.process.watchdog import Watchdog
from renderq_worker.process.worker import SHUTDOWN_TIMEOUT_S, Worker
from renderq_worker.process.worker_metrics import WorkerMetrics
from renderq_worker.threads.periodic_thread import PeriodicThread
from renderq_worker.threads.signals import StopSignals

log = structlog.get_logger(__name__)

_POLL_INTERVAL_S = 0.1
"""Interval at which the main thread checks, while draining, whether all jobs have ended."""
_EXIT_TIMEOUT_S = 10.0
"""Time that all components together get before the process exits anyway."""


class WorkerProcess:
    """One worker process. No model is loaded before the first job."""

    def __init__(
        self,
        settings: WorkerSettings,
        entries: Sequence[ModelEntry],
        client: Redis,
        objects: ObjectStore,
        tracing: Tracing,
    ) -> None:
        """Raise `DeviceUnusable` if the configured device does not exist."""
        self._tracing = tracing
        self._id = resolve_worker_id(settings.worker_name)
        self._models = tuple(entry.name for entry in entries)
        self._drain_s = settings.drain_seconds
        engine = create_engine(settings, entries)
        self._device = device_name(settings)
        self._metrics = metrics = WorkerMetrics(settings, self._id, self._device)
        self._metrics_server = metrics.serve()
        engine.on_operation(metrics.record_operation)
        store = metrics.observe_jobs(RedisJobStore(client))
        self._client = client
        self._wakeups = wakeups = WakeupPublisher(settings.redis_url)
        self._worker = worker = Worker(
            self._id,
            entries,
            settings,
            store,
            metrics.observe_objects(objects),
            engine,
            wakeups.notify,
            on_release=metrics.record_handback,
            tracing=tracing,
        )
        threads = settings.worker_slots + 1  # one more to forward wake-ups while all slots have jobs
        self._consumer = Consumer(
            settings.redis_url, self._models, self._id, threads, worker.handle_wakeup, worker.can_accept
        )
        worker.on_slots_freed(self._consumer.recheck_capacity)
        self._heartbeat = WorkerHeartbeat(
            store, self._id, self._device, self._models, engine, worker.claimed_jobs, self._stop_once_idle
        )
        metrics.add_state(self._heartbeat.gauges, lambda: wakeups.published)
        watchdog = Watchdog(engine, worker.operations, settings.stall_seconds)
        self._watchdog_thread = PeriodicThread("watchdog", watchdog.tick)
        self._heartbeat_thread = PeriodicThread("heartbeat", self._heartbeat.tick)

    def run(self, signals: StopSignals) -> int:
        """Work until a signal, then drain and shut down; return the exit code. A second signal ends the drain."""
        self._worker.start()
        notifications = WorkerSubscriber(
            self._client, lambda _job_id, claim_id: self._worker.cancel(claim_id), self._on_drain_notification
        )
        self._heartbeat.tick()
        self._heartbeat_thread.start()
        self._consumer.start()
        self._watchdog_thread.start()
        log.info("worker.ready", worker=self._id, models=" ".join(self._models), device=self._device)
        signals.wait()
        self._drain(signals)
        _exit_after(_EXIT_TIMEOUT_S)
        notifications.close()
        self._close()
        log.info("worker.stopped", worker=self._id)
        return 0

    def _on_drain_notification(self, worker_id: str) -> None:
        """Learn at once, by a registration, that an administrator has told this worker to drain."""
        if worker_id == self._id:
            self._heartbeat_thread.wake()

    def _stop_once_idle(self) -> None:
        """Claim nothing more, and stop as after SIGTERM once the claimed jobs have ended, however long they take."""
        log.info("worker.told_to_drain", worker=self._id, jobs=len(self._worker.claimed_jobs))

        def finish() -> None:
            self._worker.stop_claiming()
            self._worker.claimed_jobs.wait_until_empty()
            StopSignals.send()

        SupervisedThread("drain", finish).start()

    def _drain(self, signals: StopSignals) -> None:
        """Stop claiming, wait up to the drain time for claimed jobs, and release the rest."""
        deadline = time.monotonic() + self._drain_s
        _exit_after(self._drain_s + _EXIT_TIMEOUT_S)
        claimed_jobs = self._worker.claimed_jobs
        log.info("worker.draining", worker=self._id, jobs=len(claimed_jobs), drain_s=self._drain_s)
        self._heartbeat.drain()
        self._heartbeat_thread.wake()
        self._worker.stop_claiming()
        while claimed_jobs and time.monotonic() < deadline and not signals.repeated_within(_POLL_INTERVAL_S):
            pass
        self._worker.release_jobs()

    def _close(self) -> None:
        self._watchdog_thread.close(SHUTDOWN_TIMEOUT_S)
        self._consumer.close(SHUTDOWN_TIMEOUT_S)
        self._wakeups.close()
        self._heartbeat_thread.close(SHUTDOWN_TIMEOUT_S)
        self._heartbeat.deregister()
        self._worker.close()
        self._tracing.close()
        if self._metrics_server is not None:
            self._metrics_server.close()


def _exit_after(seconds: float) -> None:
    """Exit the process after this time even if a thread hangs."""

    def exit_now() -> None:
        time.sleep(seconds)
        log.warning("worker.exit_forced", reason="shutdown timed out")
        flush_logs()
        os._exit(0)

    threading.Thread(target=exit_now, name="forced exit", daemon=True).start()
