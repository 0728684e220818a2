"""Cancel takes effect before the next step and leaves the neighbors' pixels untouched."""

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Canceled, Decoding, Event, Rendered, Stepped
from tests.worker.engine.studio import EngineHarness, spec


def steps_done(studio: EngineHarness, id: str) -> int:
    return sum(isinstance(event, Stepped) for event in studio.events_of(id))


def test_a_canceled_image_makes_no_further_step(tiny: ModelEntry) -> None:
    studio = EngineHarness([tiny])
    studio.submit(spec(0, steps=10))
    while steps_done(studio, "job/0") < 3:
        studio.tick(1)
    studio.engine.cancel(["job/0"])
    studio.finish()
    assert studio.final_event("job/0") == Canceled("job/0")
    assert steps_done(studio, "job/0") == 3


def test_before_it_has_begun(tiny: ModelEntry) -> None:
    studio = EngineHarness([tiny])
    studio.submit(spec(0), spec(1))
    studio.engine.cancel(["job/0"])
    studio.finish()
    assert studio.events_of("job/0") == [Canceled("job/0")]
    studio.rendered("job/1")


def test_unknown_and_ended_ids_are_ignored(tiny: ModelEntry) -> None:
    studio = EngineHarness([tiny])
    studio.submit(spec(0))
    studio.engine.cancel(["job/9"])
    studio.finish()
    studio.engine.cancel(["job/0"])
    studio.submit(spec(0))
    studio.finish()
    assert [type(event).__name__ for event in studio.events].count("Rendered") == 2


def test_a_listener_may_cancel(tiny: ModelEntry) -> None:
    studio = EngineHarness([tiny])

    def stop_after_two(event: object) -> None:
        studio.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Stepped) and event.step == 2:
            studio.engine.cancel([event.generation_id])

    studio.engine.submit([spec(0, steps=8)], stop_after_two)
    studio.finish()
    assert studio.final_event("job/0") == Canceled("job/0")
    assert steps_done(studio, "job/0") == 2


def test_a_cancellation_that_comes_too_late_does_not_meet_the_next_of_that_id(tiny: ModelEntry) -> None:
    studio = EngineHarness([tiny])

    def cancel_at_the_end(event: Event) -> None:
        if isinstance(event, Decoding):
            studio.engine.cancel([event.generation_id])

    studio.engine.submit([spec(0)], cancel_at_the_end)
    studio.finish()
    assert studio.engine.is_empty()

    def resubmit(event: Event) -> None:
        cancel_at_the_end(event)
        if isinstance(event, Rendered):
            studio.submit(spec(0))

    studio.engine.submit([spec(0)], resubmit)
    studio.finish()
    studio.rendered("job/0")
