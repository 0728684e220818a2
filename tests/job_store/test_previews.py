"""Previews are requested and published only while they have subscribers, and only by the job's claim."""

import pytest

from renderq_shared.jobs import FenceResult, JobRecord, JobStore, JobUpdate, ProgressResult, commands
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, get_job, submit
from tests.job_store.store_backends import StoreBackend

UPDATE = JobUpdate(stage="denoising")
PREVIEW = '{"index": 0}'


@pytest.fixture
def job(store: JobStore) -> JobRecord:
    submit(store, "job_1")
    claimed = claim(store, "claim-1")
    assert claimed is not None
    return claimed


def test_previews_are_requested_while_there_are_viewers(backend: StoreBackend, job: JobRecord) -> None:
    unwatched, watched = ProgressResult(FenceResult.HELD, False), ProgressResult(FenceResult.HELD, True)
    assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == unwatched
    with backend.watch_previews("job_2"):
        assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == unwatched
    with backend.watch_previews("job_1"):
        with backend.watch_previews("job_1"):
            assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == watched
        assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == watched
    assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == unwatched


def test_a_preview_reaches_its_viewers_and_changes_nothing(backend: StoreBackend, job: JobRecord) -> None:
    assert not backend.store.call(commands.publish_preview(claim_ref(job), "unseen"))
    with (
        backend.watch_previews("job_1") as one,
        backend.watch_previews("job_1") as another,
        backend.watch_previews("job_2") as stranger,
    ):
        assert backend.store.call(commands.publish_preview(claim_ref(job), PREVIEW))
        assert (set(one()), set(another()), stranger()) == ({PREVIEW}, {PREVIEW}, [])
    assert get_job(backend.store, "job_1") == job


def test_an_old_claim_shows_nothing(backend: StoreBackend, job: JobRecord) -> None:
    backend.store.call(commands.requeue(claim_ref(job)))
    with backend.watch_previews("job_1") as seen:
        assert not backend.store.call(commands.publish_preview(claim_ref(job), PREVIEW))
        current = claim_ref(claim(backend.store, "claim-2"))
        assert not backend.store.call(commands.publish_preview(claim_ref(job), PREVIEW))
        assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == ProgressResult(FenceResult.LOST, False)
        assert seen() == []
        assert backend.store.call(commands.publish_preview(current, PREVIEW))


def test_nothing_is_shown_of_a_job_that_should_stop_or_has_ended(backend: StoreBackend, job: JobRecord) -> None:
    with backend.watch_previews("job_1") as seen:
        backend.store.call(commands.cancel("ada", "job_1"))
        assert backend.store.call(commands.progress(claim_ref(job), UPDATE)) == ProgressResult(
            FenceResult.CANCELING, False
        )
        assert not backend.store.call(commands.publish_preview(claim_ref(job), PREVIEW))
        backend.store.call(commands.finish(claim_ref(job), SUCCEEDED))
        assert not backend.store.call(commands.publish_preview(claim_ref(job), PREVIEW))
        assert seen() == []
