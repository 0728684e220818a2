"""Uploaded pictures: one per tenant and content, kept for a while after their last use, removed without a trace."""

from dataclasses import asdict

from renderq.contract import Status
from renderq_shared.jobs import AssetRecord, Idempotency, JobStore, NewAsset, Retention, Retired, Submission
from tests.contract.building import LEASE_MS, WIDE, new_asset, new_job
from tests.contract.worlds import World

DAY_MS = 24 * 3_600_000
PATIENCE_MS = 3_600_000
KEEP = Retention(None, None, assets_ms=DAY_MS)


def keep(store: JobStore, asset: NewAsset) -> AssetRecord | None:
    """What an upload does: ask, write, keep."""
    return store.expect_asset(asset, PATIENCE_MS) or store.keep_asset(asset)


def retire(store: JobStore) -> Retired:
    return store.retire(KEEP, LEASE_MS, 100)


def test_an_uploaded_picture_is_the_tenants_own(store: JobStore) -> None:
    kept = keep(store, new_asset())
    assert kept is not None
    assert kept == AssetRecord(**asdict(new_asset()), created_ms=kept.created_ms, used_ms=kept.used_ms)
    assert store.asset("ada", "asset_a") == kept
    assert store.asset("bob", "asset_a") is None
    assert store.asset("ada", "asset_b") is None


def test_the_same_picture_of_two_tenants_are_two_assets(store: JobStore) -> None:
    ada, bob = keep(store, new_asset()), keep(store, new_asset(tenant="bob"))
    assert ada is not None
    assert bob is not None
    assert (ada.key, bob.key) == ("assets/ada/1/asset_a.png", "assets/bob/1/asset_a.png")


def test_a_picture_that_is_there_is_not_written_again_and_begins_a_new_life(faithful_world: World) -> None:
    store = faithful_world.store
    first = keep(store, new_asset("1"))
    assert first is not None
    faithful_world.later(DAY_MS - 60_000)
    again = store.expect_asset(new_asset("2"), PATIENCE_MS)
    assert again is not None
    assert again.key == first.key
    assert again.used_ms - again.created_ms >= DAY_MS - 60_000
    faithful_world.later(DAY_MS - 60_000)
    assert retire(store).expired == ()
    faithful_world.later(120_000)
    assert retire(store).expired == ("asset_a",)


def test_an_expired_picture_is_gone_and_its_object_is_given_out_for_removal(faithful_world: World) -> None:
    store = faithful_world.store
    keep(store, new_asset())
    faithful_world.later(DAY_MS + 1)
    assert retire(store) == Retired((), (), ("asset_a",), ("assets/ada/1/",), (), more=False)
    assert store.asset("ada", "asset_a") is None
    store.removed(["assets/ada/1/"])
    faithful_world.later(10 * DAY_MS)
    assert retire(store) == Retired((), (), (), (), (), more=False)


def test_assets_are_kept_for_ever_where_nobody_says_for_how_long(faithful_world: World) -> None:
    keep(faithful_world.store, new_asset())
    faithful_world.later(1_000 * DAY_MS)
    assert faithful_world.store.retire(Retention(0, 0), LEASE_MS, 100).expired == ()


def test_what_was_announced_and_never_kept_is_removed_in_the_end(faithful_world: World) -> None:
    store = faithful_world.store
    assert store.expect_asset(new_asset(), PATIENCE_MS) is None
    assert retire(store).removals == ()
    faithful_world.later(PATIENCE_MS)
    assert retire(store).removals == ("assets/ada/1/",)


def test_who_comes_too_late_is_told_so_and_nothing_is_kept(faithful_world: World) -> None:
    store = faithful_world.store
    store.expect_asset(new_asset(), PATIENCE_MS)
    faithful_world.later(PATIENCE_MS)
    retire(store)
    assert store.keep_asset(new_asset()) is None
    assert store.asset("ada", "asset_a") is None


def test_of_two_that_upload_the_same_at_once_one_object_stays(faithful_world: World) -> None:
    store = faithful_world.store
    assert store.expect_asset(new_asset("1"), PATIENCE_MS) is None
    assert store.expect_asset(new_asset("2"), PATIENCE_MS) is None
    first, second = store.keep_asset(new_asset("1")), store.keep_asset(new_asset("2"))
    assert first is not None
    assert second is not None
    assert (first.key, second.key) == (first.key, first.key)
    assert retire(store).removals == ("assets/ada/2/",)


def test_a_new_life_is_not_touched_by_the_removal_of_the_old_one(faithful_world: World) -> None:
    store = faithful_world.store
    keep(store, new_asset("1"))
    faithful_world.later(DAY_MS)
    given = retire(store).removals
    reborn = keep(store, new_asset("2"))
    assert reborn is not None
    assert not any(reborn.key.startswith(prefix) for prefix in given)


def test_one_call_lets_go_of_no_more_than_it_is_asked_to(faithful_world: World) -> None:
    for number in range(3):
        keep(faithful_world.store, new_asset(str(number), asset_id=f"asset_{number}"))
        faithful_world.later(1_000)
    faithful_world.later(DAY_MS)
    calls = [faithful_world.store.retire(KEEP, LEASE_MS, 2) for _ in range(3)]
    assert [(call.expired, call.more) for call in calls] == [
        (("asset_0", "asset_1"), True),
        (("asset_2",), False),
        ((), False),
    ]


def test_a_job_that_names_what_its_tenant_does_not_have_is_refused_whole(store: JobStore) -> None:
    keep(store, new_asset(tenant="bob"))
    keep(store, new_asset(asset_id="asset_b"))
    key = Idempotency("key", "fingerprint")
    job = new_job("job_1", assets=("asset_b", "asset_a"), idempotency=key)
    refused = store.submit(job, WIDE)
    assert (refused.outcome, refused.record) == (Submission.ASSET_NOT_FOUND, None)
    assert store.get("ada", "job_1") is None
    assert store.asset("ada", "asset_b").holds == 0
    keep(store, new_asset())
    assert store.submit(job, WIDE).outcome is Submission.ACCEPTED


def test_an_asset_outlives_every_job_that_names_it(faithful_world: World) -> None:
    store = faithful_world.store
    keep(store, new_asset())
    for number in (1, 2):
        store.submit(new_job(f"job_{number}", assets=("asset_a",)), WIDE)
        store.submit(new_job(f"job_{number}", assets=("asset_a",)), WIDE)
        store.cancel("ada", f"job_{number}")
    assert store.asset("ada", "asset_a").holds == 2
    store.delete("ada", "job_1")
    faithful_world.later(10 * DAY_MS)
    keep(store, new_asset("2"))
    faithful_world.later(10 * DAY_MS)
    assert retire(store).expired == ()
    store.delete("ada", "job_2")
    assert store.asset("ada", "asset_a").holds == 0
    faithful_world.later(DAY_MS - 60_000)
    assert retire(store).expired == ()
    faithful_world.later(60_000)
    assert retire(store).expired == ("asset_a",)


def test_a_job_that_is_let_go_lets_go_of_its_assets(faithful_world: World) -> None:
    store = faithful_world.store
    keep(store, new_asset())
    store.submit(new_job("job_1", assets=("asset_a",)), WIDE)
    store.cancel("ada", "job_1")
    faithful_world.later(DAY_MS)
    assert store.retire(Retention(0, 0, assets_ms=DAY_MS), LEASE_MS, 100).forgotten == ("job_1",)
    faithful_world.later(DAY_MS)
    assert retire(store).expired == ("asset_a",)


def test_a_repeated_submission_is_replayed_whatever_became_of_its_assets(store: JobStore) -> None:
    keep(store, new_asset())
    key = Idempotency("key", "fingerprint")
    store.submit(new_job("job_1", assets=("asset_a",), idempotency=key), WIDE)
    again = store.submit(new_job("job_2", assets=("asset_gone",), idempotency=key), WIDE)
    assert (again.outcome, again.record.id) == (Submission.REPLAYED, "job_1")


def test_a_key_can_be_looked_up_before_a_submission_is_made(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    assert store.replay("ada", key) is None
    store.submit(new_job("job_1", idempotency=key), WIDE)
    known = store.replay("ada", key)
    assert (known.outcome, known.record.id, known.place.ahead) == (Submission.REPLAYED, "job_1", 0)
    assert store.replay("bob", key) is None
    assert store.replay("ada", Idempotency("key", "other")).outcome is Submission.KEY_REUSED
    store.cancel("ada", "job_1")
    assert store.replay("ada", key).record.status is Status.CANCELED
    store.delete("ada", "job_1")
    assert store.replay("ada", key).record is None
