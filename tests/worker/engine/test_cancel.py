"""Cancellation takes effect before the next step and does not change other images."""

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Canceled, Decoding, Event, Rendered, Stepped
from tests.worker.engine.engine_harness import EngineHarness, spec


def steps_done(harness: EngineHarness, id: str) -> int:
    return sum(isinstance(event, Stepped) for event in harness.events_of(id))


def test_a_canceled_image_makes_no_further_step(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, steps=10))
    while steps_done(harness, "job/0") < 3:
        harness.tick(1)
    harness.engine.cancel(["job/0"])
    harness.finish()
    assert harness.final_event("job/0") == Canceled("job/0")
    assert steps_done(harness, "job/0") == 3


def test_before_it_has_begun(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0), spec(1))
    harness.engine.cancel(["job/0"])
    harness.finish()
    assert harness.events_of("job/0") == [Canceled("job/0")]
    harness.rendered("job/1")


def test_unknown_and_ended_ids_are_ignored(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0))
    harness.engine.cancel(["job/9"])
    harness.finish()
    harness.engine.cancel(["job/0"])
    harness.submit(spec(0))
    harness.finish()
    assert [type(event).__name__ for event in harness.events].count("Rendered") == 2


def test_a_listener_may_cancel(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])

    def stop_after_two(event: object) -> None:
        harness.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Stepped) and event.step == 2:
            harness.engine.cancel([event.generation_id])

    harness.engine.submit([spec(0, steps=8)], stop_after_two)
    harness.finish()
    assert harness.final_event("job/0") == Canceled("job/0")
    assert steps_done(harness, "job/0") == 2


def test_a_cancellation_that_comes_too_late_does_not_meet_the_next_of_that_id(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])

    def cancel_at_the_end(event: Event) -> None:
        if isinstance(event, Decoding):
            harness.engine.cancel([event.generation_id])

    harness.engine.submit([spec(0)], cancel_at_the_end)
    harness.finish()
    assert harness.engine.is_empty()

    def resubmit(event: Event) -> None:
        cancel_at_the_end(event)
        if isinstance(event, Rendered):
            harness.submit(spec(0))

    harness.engine.submit([spec(0)], resubmit)
    harness.finish()
    harness.rendered("job/0")
