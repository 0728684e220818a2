"""Signs of life, for whoever must decide whether the engine hangs. No torch."""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.plan import StepPlan

_PATIENCE = 20
"""An operation is stalled when it takes this many times as long as the longest of its kind so far."""


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What the engine thread is doing right now."""

    is_alive: bool
    """The engine can still do work: it is not closed and its thread, once started, runs."""
    stage: str | None
    """Stage of the operation that runs and cannot be interrupted; None while idle."""
    since: float
    """`time.monotonic()` when it began."""
    stall_budget_s: float
    """Seconds that it may take; infinite while idle."""

    def is_stalled(self, now: float) -> bool:
        """Whether the operation has outlived its budget at `time.monotonic()` = now."""
        return now - self.since > self.stall_budget_s


class OperationTimer:
    """Times the operations of one engine. Written by the engine thread, read by any."""

    def __init__(self, stall_seconds: float) -> None:
        self._least = stall_seconds
        self._longest: dict[tuple[str, BatchKey], float] = {}
        self._now: tuple[str | None, float, float] = (None, time.monotonic(), math.inf)
        """Stage, begin and budget; replaced as a whole."""

    @contextmanager
    def measure(self, plan: StepPlan) -> Generator[None]:
        """Around one operation."""
        kind = (plan.stage, plan.generations[0].key)
        longest, since = self._longest.get(kind, 0.0), time.monotonic()
        self._now = (plan.stage, since, max(self._least, _PATIENCE * longest))
        yield
        now = time.monotonic()
        self._longest[kind] = max(longest, now - since)
        self._now = (None, now, math.inf)

    def health(self, *, is_alive: bool) -> EngineHealth:
        stage, since, budget = self._now
        return EngineHealth(is_alive, stage, since, budget)
