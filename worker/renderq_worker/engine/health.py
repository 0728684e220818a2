"""Liveness of the engine thread, for the watchdog. No torch."""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.plan import StepPlan

_STALL_FACTOR = 20
"""An operation counts as stalled after this multiple of the longest duration of its kind so far."""

_FIRST_FACTOR = 2
"""The first operation of a kind may take this much longer: libraries choose and compile kernels."""


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """State of the engine thread at one moment."""

    is_alive: bool
    """Whether the engine can still work: it is not closed, and its thread, once started, runs."""
    stage: str | None
    """Stage of the running operation, which cannot be interrupted; None while idle."""
    since: float
    """`time.monotonic()` at its start."""
    stall_budget_s: float
    """Seconds that the operation may take; infinite while idle."""

    def is_stalled(self, now: float) -> bool:
        """Return whether the operation has exceeded its budget at `time.monotonic()` = `now`."""
        return now - self.since > self.stall_budget_s


class OperationTimer:
    """Timer of one engine's operations. Written by the engine thread, read by any thread."""

    def __init__(self, stall_seconds: float) -> None:
        self._min_budget_s = stall_seconds
        self._longest_s: dict[tuple[str, BatchKey], float] = {}
        self._current: tuple[str | None, float, float] = (None, time.monotonic(), math.inf)
        """Stage, start and budget; replaced as a whole, so that readers need no lock."""

    @contextmanager
    def measure(self, plan: StepPlan, extra_s: float = 0.0) -> Generator[None]:
        """Time one operation, whose budget is `extra_s` larger than usual."""
        kind = (plan.stage, plan.generations[0].key)
        longest, since = self._longest_s.get(kind, 0.0), time.monotonic()
        usual_s = self._min_budget_s * (1 if kind in self._longest_s else _FIRST_FACTOR)
        self._current = (plan.stage, since, max(usual_s, _STALL_FACTOR * longest) + extra_s)
        yield
        now = time.monotonic()
        self._longest_s[kind] = max(longest, now - since)
        self._current = (None, now, math.inf)

    def health(self, *, is_alive: bool) -> EngineHealth:
        stage, since, budget = self._current
        return EngineHealth(is_alive, stage, since, budget)
