"""Ends a process that hangs: threads cannot be killed, so a supervisor has to start it again."""

import os
import time
from collections.abc import Callable

import structlog

from renderq_worker.claims.consumer import Consumer
from renderq_worker.engine import EngineProtocol
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

EXIT_HUNG = 70
"""Exit code (EX_SOFTWARE): worth starting again."""

_LOOKS_PER_BUDGET = 10
_PAUSE_MAX_S = 1.0


class Watchdog:
    """Looks for operations that outlived their budget, in the engine and behind it; run by a ticker."""

    def __init__(
        self,
        engine: EngineProtocol,
        operations: InflightOperations,
        stall_s: float,
        consumer: Consumer,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """`stall_s`: seconds that an operation behind the engine may take; the engine names its own budget."""
        self._consumer = consumer
        self._engine = engine
        self._operations = operations
        self._stall_s = stall_s
        self._end = end

    def tick(self) -> float:
        """Look; the pause until the next time, in seconds."""
        reason = self._reason(time.monotonic())
        if reason is not None:
            log.critical("worker_hangs", reason=reason, exit_code=EXIT_HUNG)
            self._end(EXIT_HUNG)
        return min(_PAUSE_MAX_S, self._stall_s / _LOOKS_PER_BUDGET)

    def _reason(self, now: float) -> str | None:
        health = self._engine.health
        if not health.is_alive:
            return "the engine's thread has died"
        if not self._consumer.is_alive:
            return "the consumer of wake-ups has died"
        if health.is_stalled(now):
            return f"{health.stage} has taken {now - health.since:.0f} s of {health.stall_budget_s:.0f} s"
        oldest = self._operations.oldest()
        if oldest is not None and now - oldest.since > self._stall_s:
            return f"{oldest.name} has taken {now - oldest.since:.0f} s of {self._stall_s:.0f} s"
        return None
