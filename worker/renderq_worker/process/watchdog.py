"""Ends a process that hangs. Threads cannot be killed, so a supervisor has to restart the process."""

import os
import time
from collections.abc import Callable

import structlog

from renderq_shared.logs import flush_logs
from renderq_worker.engine import EngineProtocol
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

EXIT_HUNG = 70
"""Exit code (EX_SOFTWARE) that tells a supervisor to restart the process."""

_CHECKS_PER_TIMEOUT = 10
_MAX_INTERVAL_S = 1.0


class Watchdog:
    """Checks on every tick that the engine is alive and operations, in it and outside it, are within their budget."""

    def __init__(
        self,
        engine: EngineProtocol,
        operations: InflightOperations,
        stall_s: float,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        """`stall_s`: seconds that an operation outside the engine may take; the engine reports its own budget."""
        self._engine = engine
        self._operations = operations
        self._stall_s = stall_s
        self._exit_process = exit_process

    def tick(self) -> float:
        """Check; return the delay until the next tick, in seconds."""
        reason = self._hang_reason(time.monotonic())
        if reason is not None:
            log.critical("worker.hung", reason=reason, exit_code=EXIT_HUNG)
            flush_logs()
            self._exit_process(EXIT_HUNG)
        return min(_MAX_INTERVAL_S, self._stall_s / _CHECKS_PER_TIMEOUT)

    def _hang_reason(self, now: float) -> str | None:
        health = self._engine.health
        if not health.is_alive:
            return "the engine's thread has died"
        if health.is_stalled(now):
            return f"{health.stage} has taken {now - health.since:.0f} s of {health.stall_budget_s:.0f} s"
        oldest = self._operations.oldest()
        if oldest is not None and now - oldest.since > self._stall_s:
            return f"{oldest.name} has taken {now - oldest.since:.0f} s of {self._stall_s:.0f} s"
        return None
