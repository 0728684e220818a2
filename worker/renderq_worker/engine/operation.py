"""What one operation of the engine did, for those who observe it. No torch."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.generation import Stage
from renderq_worker.engine.plan import StepResult


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that has ended."""

    stage: Stage
    model: str
    images: int
    """Images that it advanced."""
    seconds: float
    ran_out_of_memory: bool = False
    fallback: FallbackKind | None = None
    """Fallback that was applied for a retry."""
    peak_bytes: int | None = None
    """Peak memory on the device; `None` where the device does not count it."""
    evicted: tuple[str, ...] = ()
    """Models that it removed from memory."""

    @classmethod
    def of(cls, result: StepResult, evicted: Collection[str]) -> "Operation":
        """Return what a result says."""
        retried = [] if result.advanced else [*result.fallbacks]
        failed = any(failure.code == "out_of_memory" for failure in result.failures.values())
        return cls(
            stage=result.plan.stage,
            model=result.plan.model,
            images=len(result.advanced),
            seconds=result.seconds,
            ran_out_of_memory=bool(retried) or failed,
            fallback=next(iter(retried), None),
            peak_bytes=result.peak_bytes,
            evicted=tuple(evicted),
        )


OperationListener: TypeAlias = Callable[[Operation], None]
"""Called on the engine's thread after each operation; quick, because the next one waits for it."""
