import time

import pytest

from renderq_worker.engine import EngineHealth, SimulatedEngine
from renderq_worker.process.watchdog import EXIT_HUNG, Watchdog
from renderq_worker.threads.inflight_operations import InflightOperations
from tests.worker.worker_harness import ENTRY


class EngineWithHealth(SimulatedEngine):
    """An engine whose health the test sets."""

    current_health = EngineHealth(is_alive=True, stage=None, since=0.0, stall_budget_s=float("inf"))

    @property
    def health(self) -> EngineHealth:
        return self.current_health


@pytest.fixture
def engine() -> EngineWithHealth:
    return EngineWithHealth([ENTRY], 0.0, 10.0)


def exit_codes(engine: EngineWithHealth, operations: InflightOperations | None = None) -> list[int]:
    """Exit codes of one tick."""
    exits: list[int] = []
    Watchdog(engine, operations or InflightOperations(), 10.0, exits.append).tick()
    return exits


def test_a_worker_with_nothing_to_do_is_left_alone(engine: EngineWithHealth) -> None:
    assert exit_codes(engine) == []


def test_a_slow_step_within_its_budget_is_left_alone(engine: EngineWithHealth) -> None:
    engine.current_health = EngineHealth(
        is_alive=True, stage="denoising", since=time.monotonic() - 500.0, stall_budget_s=1_000.0
    )
    assert exit_codes(engine) == []


def test_a_step_that_outlived_its_budget_ends_the_process(engine: EngineWithHealth) -> None:
    engine.current_health = EngineHealth(
        is_alive=True, stage="denoising", since=time.monotonic() - 500.0, stall_budget_s=120.0
    )
    assert exit_codes(engine) == [EXIT_HUNG]


def test_a_dead_engine_ends_the_process(engine: EngineWithHealth) -> None:
    engine.current_health = EngineHealth(is_alive=False, stage=None, since=0.0, stall_budget_s=float("inf"))
    assert exit_codes(engine) == [EXIT_HUNG]


def test_an_upload_that_hangs_ends_the_process(engine: EngineWithHealth, monkeypatch: pytest.MonkeyPatch) -> None:
    operations = InflightOperations()
    with operations.track("upload of jobs/a/b/0.png"):
        assert exit_codes(engine, operations) == []
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 11.0)
        assert exit_codes(engine, operations) == [EXIT_HUNG]
    assert exit_codes(engine, operations) == []
