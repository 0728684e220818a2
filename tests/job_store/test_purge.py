"""A purge deletes everything that a tenant has, and nothing that is another's or that came later."""

from collections.abc import Sequence

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    DeleteResult,
    DeliveryClaim,
    Idempotency,
    JobFilter,
    JobStore,
    PurgedJob,
    PurgePage,
    PurgeRecord,
    Retention,
    SubmitOutcome,
    TenantRecord,
    commands,
)
from tests.job_store.factories import (
    LEASE_MS,
    NO_LIMITS,
    SUCCEEDED,
    claim,
    claim_ref,
    get_job,
    jobs_ahead,
    new_asset,
    new_job,
    submit,
)
from tests.job_store.store_backends import StoreBackend

HOUR_MS = 3_600_000
RESERVATION_MS = HOUR_MS
FOREVER = Retention(None)


def start(store: JobStore, tenant: str = "ada") -> PurgeRecord:
    return store.call(commands.start_purge(tenant))


def page(store: JobStore, purge: PurgeRecord, skip: int = 0, limit: int = 100) -> PurgePage:
    return store.call(commands.purge_page(purge, skip, limit))


def finish(store: JobStore, purge: PurgeRecord) -> None:
    """Delete all jobs, which must have ended, and keys; complete the purge."""
    found = page(store, purge)
    assert found.waiting == 0
    store.call(commands.purge_jobs(purge, found.ended))
    assert store.call(commands.purge_keys(purge, "0", 10_000)) == "0"
    assert store.call(commands.complete_purge(purge))


def succeeded(store: JobStore, job_id: str, tenant: str = "ada", **fields: object) -> None:
    submit(store, job_id, tenant, **fields)
    store.call(commands.finish(claim_ref(claim(store, f"claim-{job_id}")), SUCCEEDED))


def upload(store: JobStore, tenant: str = "ada", version: str = "1") -> bool:
    asset = new_asset(version, tenant)
    known = store.call(commands.reserve_asset(asset, RESERVATION_MS))
    return (known or store.call(commands.commit_asset(asset, RESERVATION_MS))) is not None


def ids(jobs: Sequence[PurgedJob]) -> list[str]:
    return [job.job_id for job in jobs]


def test_what_has_not_ended_is_canceled_and_deleted_once_its_worker_has_stopped(store: JobStore) -> None:
    for number in range(3):
        submit(store, f"job_{number}")
    running = claim(store)
    purge = start(store)
    assert (ids(page(store, purge).ended), page(store, purge).waiting) == (["job_1", "job_2"], 1)
    assert [get_job(store, f"job_{number}").status for number in range(3)] == ["canceling", "canceled", "canceled"]
    assert not store.call(commands.complete_purge(purge))
    store.call(commands.finish(claim_ref(running), SUCCEEDED))
    assert page(store, purge) == PurgePage(
        tuple(PurgedJob(f"job_{number}", 1, is_removed_again=False) for number in range(3)), 0
    )
    finish(store, purge)
    assert store.call(commands.page("ada", JobFilter(), 10, 100)).records == ()


def test_nothing_can_be_submitted_or_uploaded_until_the_end(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    succeeded(store, "job_1", idempotency=key)
    upload(store)
    purge = start(store)
    refused = store.call(commands.submit(new_job("job_2"), NO_LIMITS))
    assert (refused.outcome, refused.record) == (SubmitOutcome.PURGE_IN_PROGRESS, None)
    replay = store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS))
    assert replay.outcome is SubmitOutcome.PURGE_IN_PROGRESS
    assert not upload(store)
    assert store.call(commands.submit(new_job("job_3", "bob"), NO_LIMITS)).outcome is SubmitOutcome.ACCEPTED
    assert upload(store, "bob")
    finish(store, purge)
    again = store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS))
    assert (again.outcome, again.job_id) == (SubmitOutcome.ACCEPTED, "job_2")
    assert upload(store, version="2")


def test_an_upload_that_began_before_the_end_is_refused(backend: StoreBackend) -> None:
    store, asset = backend.store, new_asset()
    assert store.call(commands.reserve_asset(asset, RESERVATION_MS)) is None
    backend.advance(1_000)
    finish(store, start(store))
    assert store.call(commands.commit_asset(asset, RESERVATION_MS)) is None
    assert store.call(commands.get_asset("ada", asset.id)) is None


def test_assets_of_a_job_that_the_history_has_lost_are_not_referenced_any_more(store: JobStore) -> None:
    upload(store)
    succeeded(store, "job_1", assets=("asset_a",))
    store.call(commands.confirm_archived([ArchivedVersion("job_1", get_job(store, "job_1").version)]))
    assert store.call(commands.apply_retention(Retention(0), LEASE_MS, 100)).released == ("job_1",)
    finish(store, start(store))
    assert upload(store, version="2")
    submit(store, "job_2", assets=("asset_a",))
    store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 1, is_deleted=True)]))
    asset = store.call(commands.get_asset("ada", "asset_a"))
    assert asset is not None
    assert asset.reference_count == 1


def test_nothing_of_the_tenant_is_left_and_all_of_the_others(store: JobStore) -> None:
    for tenant in ("ada", "bob"):
        upload(store, tenant)
        succeeded(
            store,
            f"job_{tenant}",
            tenant,
            assets=("asset_a",),
            idempotency=Idempotency("key", "fingerprint"),
            weight=3.0,
            webhook_events=("job.succeeded",),
            webhook_host="a.test",
        )
    purge = start(store)
    finish(store, purge)
    ended = store.call(commands.get_purge("ada"))
    assert ended is not None
    assert (ended.completed_ms is not None, ended.assets) == (True, 1)
    assert store.call(commands.get_job("ada", "job_ada")) is None
    assert store.call(commands.get_asset("ada", "asset_a")) is None
    assert store.call(commands.replay_submission("ada", Idempotency("key", "fingerprint"))) is None
    assert store.call(commands.deliveries("ada", "job_ada", 1)) == ()
    assert store.call(commands.tenants()) == (TenantRecord("bob", weight=3.0),)
    assert get_job(store, "job_bob", "bob").status is Status.SUCCEEDED
    asset = store.call(commands.get_asset("bob", "asset_a"))
    assert asset is not None
    assert asset.reference_count == 1
    assert store.call(commands.replay_submission("bob", Idempotency("key", "fingerprint"))) is not None
    deliveries = store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)))
    assert [delivery.tenant for delivery in deliveries] == ["bob"]


def test_what_redis_has_of_an_archived_job_is_deleted(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store)
    succeeded(store, "job_1", assets=("asset_a",))
    store.call(commands.confirm_archived([ArchivedVersion("job_1", get_job(store, "job_1").version)]))
    assert store.call(commands.apply_retention(Retention(0), LEASE_MS, 100)).released == ("job_1",)
    purge = start(store)
    for _ in range(2):
        store.call(commands.purge_jobs(purge, [PurgedJob("job_1", 1, is_removed_again=False)]))
        asset = store.call(commands.get_asset("ada", "asset_a"))
        assert asset is not None
        assert asset.reference_count == 0
    finish(store, purge)
    store.call(commands.purge_jobs(purge, [PurgedJob("job_1", 1, is_removed_again=False)]))
    assert store.call(commands.get_asset("ada", "asset_a")) is None


def test_the_weight_and_the_turn_of_the_tenant_are_forgotten_but_not_a_pause(store: JobStore) -> None:
    for number in range(4):
        succeeded(store, f"ada_{number}", weight=0.5)
    store.call(commands.pause_tenant("ada", True))
    finish(store, start(store))
    assert store.call(commands.tenants()) == (TenantRecord("ada", paused=True),)
    store.call(commands.pause_tenant("ada", False))
    submit(store, "job_a", "ada")
    submit(store, "job_b", "bob")
    assert jobs_ahead(store, "job_a") == 0  # four jobs at half a share would have put Bob first
    assert claim(store, "next").id == "job_a"


def test_a_deletion_marker_goes_with_the_rest(store: JobStore) -> None:
    succeeded(store, "job_1")
    store.call(commands.delete("ada", "job_1"))
    finish(store, start(store))
    assert store.call(commands.delete("ada", "job_1")) is DeleteResult.UNKNOWN


def test_a_job_that_is_being_archived_is_waited_for(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    succeeded(store, "job_1")
    succeeded(store, "job_2")
    (first, second) = store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).unarchived
    purge = start(store)
    assert page(store, purge) == PurgePage((), 2)
    store.call(commands.confirm_archived([ArchivedVersion(first.id, first.version)]))
    assert page(store, purge) == PurgePage((PurgedJob(first.id, 1, is_removed_again=False),), 1)
    reliable_backend.advance(LEASE_MS)
    purge = start(store)  # the same one, as of an earlier time
    assert page(store, purge).ended[1] == PurgedJob(second.id, 1, is_removed_again=True)


def test_a_purged_tenants_jobs_are_not_archived(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    succeeded(store, "job_1")
    succeeded(store, "job_2", "bob")
    purge = start(store)
    unarchived = store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).unarchived
    assert [job.id for job in unarchived] == ["job_2"]
    assert page(store, purge) == PurgePage((PurgedJob("job_1", 1, is_removed_again=False),), 0)


def test_the_files_of_a_worker_that_was_cut_off_are_removed_once_more(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    submit(store, "job_1")
    store.call(commands.sweep(LEASE_MS, 100))
    zombie = claim(store, lease_ms=1_000)
    purge = start(store)
    assert page(store, purge) == PurgePage((), 1)
    reliable_backend.advance(1_000)
    assert store.call(commands.sweep(LEASE_MS, 100)).canceled == ("job_1",)
    purge = start(store)  # the same one, as of an earlier time
    (job,) = page(store, purge).ended
    assert job.is_removed_again
    store.call(commands.purge_jobs(purge, [job]))
    assert store.call(commands.complete_purge(purge))
    assert not store.call(commands.finish(claim_ref(zombie), SUCCEEDED)).accepted
    assert store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).removals == ()
    reliable_backend.advance(HOUR_MS)
    assert store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).removals == ("jobs/job_1/",)


def test_the_manifest_of_a_slow_archiver_is_removed_once_more(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    succeeded(store, "job_1")
    (handed_out,) = store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).unarchived
    reliable_backend.advance(LEASE_MS)
    purge = start(store)
    assert store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).unarchived == ()
    assert page(store, purge).ended == (PurgedJob(handed_out.id, 1, is_removed_again=True),)


def test_removals_of_the_tenants_jobs_are_done_with_them(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    succeeded(store, "job_1")
    store.call(commands.delete("ada", "job_1"))
    purge = start(store)
    store.call(commands.purge_jobs(purge, [PurgedJob("job_1", 1, is_removed_again=False)]))
    reliable_backend.advance(HOUR_MS)
    assert store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).removals == ()


def test_pages_lead_past_the_jobs_that_are_waited_for(store: JobStore) -> None:
    for number in range(5):
        submit(store, f"job_{number}")
    for number in range(2):
        claim(store, f"claim-{number}")
    purge = start(store)
    assert page(store, purge, limit=2) == PurgePage((), 2)
    assert ids(page(store, purge, skip=2, limit=2).ended) == ["job_2", "job_3"]
    assert ids(page(store, purge, skip=4, limit=2).ended) == ["job_4"]
    assert page(store, purge, skip=5, limit=2) == PurgePage((), 0)


def test_a_purge_goes_to_one_process_at_a_time_until_it_has_ended(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    assert store.call(commands.claim_purge(LEASE_MS)) is None
    purge = start(store)
    assert store.call(commands.claim_purge(LEASE_MS)) == purge
    assert store.call(commands.claim_purge(LEASE_MS)) is None
    reliable_backend.advance(LEASE_MS)
    again = store.call(commands.claim_purge(LEASE_MS))
    assert again is not None
    assert store.call(commands.renew_purge(again, 1_000, 7))
    reliable_backend.advance(1_000)
    third = store.call(commands.claim_purge(LEASE_MS))
    assert third is not None
    assert (third.tenant, third.jobs) == ("ada", 7)
    assert store.call(commands.complete_purge(third))
    reliable_backend.advance(LEASE_MS)
    assert store.call(commands.claim_purge(LEASE_MS)) is None


def test_starting_again_returns_the_purge_in_progress_or_begins_another_one(backend: StoreBackend) -> None:
    store = backend.store
    purge = start(store)
    assert start(store) == purge
    finish(store, purge)
    backend.advance(1_000)
    (before, after) = store.call(commands.get_purge("ada")), start(store)
    assert before is not None
    assert (before.completed_ms is not None, after.completed_ms) == (True, None)
    assert after.started_ms > before.started_ms


def test_the_result_can_be_read_for_a_day(backend: StoreBackend) -> None:
    assert backend.store.call(commands.get_purge("ada")) is None
    finish(backend.store, start(backend.store))
    backend.advance(23 * HOUR_MS)
    assert backend.store.call(commands.get_purge("ada")) is not None
    backend.advance(2 * HOUR_MS)
    assert backend.store.call(commands.get_purge("ada")) is None


@pytest.mark.parametrize("is_followed", [False, True], ids=["after the end", "during the next one"])
def test_a_process_that_was_slow_deletes_nothing_that_came_later(backend: StoreBackend, is_followed: bool) -> None:
    store = backend.store
    slow = start(store)
    finish(store, slow)
    backend.advance(1_000)
    key = Idempotency("key", "fingerprint")
    succeeded(store, "job_1", idempotency=key)
    submit(store, "job_2")
    upload(store)
    if is_followed:
        start(store)
    slow = PurgeRecord("ada", slow.started_ms - 1_000) if is_followed else slow
    assert page(store, slow) == PurgePage((), 0)
    assert store.call(commands.purge_keys(slow, "0", 10_000)) == "0"
    assert not store.call(commands.renew_purge(slow, LEASE_MS, 1))
    assert store.call(commands.complete_purge(slow))
    assert get_job(store, "job_2").status is Status.QUEUED
    assert store.call(commands.replay_submission("ada", key)) is not None
    assert store.call(commands.get_asset("ada", "asset_a")) is not None
