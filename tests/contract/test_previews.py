"""Previews are asked for and shown only while somebody looks, and only by whoever holds the job."""

import pytest

from renderq_shared.jobs import JobRecord, JobStore, JobUpdate, Progressed, Verdict
from tests.contract.building import SUCCEEDED, claim, held, read, submit
from tests.contract.worlds import World

NEWS = JobUpdate(stage="denoising")
PREVIEW = '{"index": 0}'


@pytest.fixture
def job(store: JobStore) -> JobRecord:
    submit(store, "job_1")
    taken = claim(store, "claim-1")
    assert taken is not None
    return taken


def test_previews_are_wanted_while_somebody_looks(world: World, job: JobRecord) -> None:
    nobody, somebody = Progressed(Verdict.HELD, False), Progressed(Verdict.HELD, True)
    assert world.store.progress(held(job), NEWS) == nobody
    with world.look("job_2"):
        assert world.store.progress(held(job), NEWS) == nobody
    with world.look("job_1"):
        with world.look("job_1"):
            assert world.store.progress(held(job), NEWS) == somebody
        assert world.store.progress(held(job), NEWS) == somebody
    assert world.store.progress(held(job), NEWS) == nobody


def test_a_preview_is_seen_by_those_who_look_and_changes_nothing(world: World, job: JobRecord) -> None:
    assert not world.store.show_preview(held(job), "unseen")
    with world.look("job_1") as one, world.look("job_1") as another, world.look("job_2") as stranger:
        assert world.store.show_preview(held(job), PREVIEW)
        assert (set(one()), set(another()), stranger()) == ({PREVIEW}, {PREVIEW}, [])
    assert read(world.store, "job_1") == job


def test_an_old_claim_shows_nothing(world: World, job: JobRecord) -> None:
    world.store.requeue(held(job))
    with world.look("job_1") as seen:
        assert not world.store.show_preview(held(job), PREVIEW)
        current = held(claim(world.store, "claim-2"))
        assert not world.store.show_preview(held(job), PREVIEW)
        assert world.store.progress(held(job), NEWS) == Progressed(Verdict.LOST, False)
        assert seen() == []
        assert world.store.show_preview(current, PREVIEW)


def test_nothing_is_shown_of_a_job_that_should_stop_or_has_ended(world: World, job: JobRecord) -> None:
    with world.look("job_1") as seen:
        world.store.cancel("ada", "job_1")
        assert world.store.progress(held(job), NEWS) == Progressed(Verdict.CANCELING, False)
        assert not world.store.show_preview(held(job), PREVIEW)
        world.store.finish(held(job), SUCCEEDED)
        assert not world.store.show_preview(held(job), PREVIEW)
        assert seen() == []
