"""Assets: one per tenant and content, kept for a time after the last use, then removed completely."""

from dataclasses import asdict, replace

from renderq.contract import Status
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    AssetRecord,
    Idempotency,
    JobStore,
    NewAsset,
    Retention,
    RetentionResult,
    SubmitOutcome,
    commands,
)
from tests.job_store.factories import LEASE_MS, NO_LIMITS, new_asset, new_job
from tests.job_store.store_backends import StoreBackend

DAY_MS = 24 * 3_600_000
RESERVATION_MS = 3_600_000
RETENTION = Retention(None, assets_ms=DAY_MS)


def upload(store: JobStore, asset: NewAsset) -> AssetRecord | None:
    """Reserve, write and commit, as an upload does."""
    return store.call(commands.reserve_asset(asset, RESERVATION_MS)) or commit(store, asset)


def commit(store: JobStore, asset: NewAsset) -> AssetRecord | None:
    return store.call(commands.commit_asset(asset, RESERVATION_MS))


def apply_retention(store: JobStore) -> RetentionResult:
    return store.call(commands.apply_retention(RETENTION, LEASE_MS, 100))


def test_an_uploaded_image_is_the_tenants_own(store: JobStore) -> None:
    asset = upload(store, new_asset())
    assert asset is not None
    assert asset == AssetRecord(**asdict(new_asset()), created_ms=asset.created_ms, used_ms=asset.used_ms)
    assert store.call(commands.get_asset("ada", "asset_a")) == asset
    assert store.call(commands.get_asset("bob", "asset_a")) is None
    assert store.call(commands.get_asset("ada", "asset_b")) is None


def test_what_the_file_says_of_itself_is_kept(store: JobStore) -> None:
    asset = upload(store, replace(new_asset(), recipe_json='{"prompt":"x"}'))
    assert asset is not None
    assert asset.recipe_json == '{"prompt":"x"}'
    assert store.call(commands.get_asset("ada", "asset_a")) == asset


def test_the_same_image_of_two_tenants_are_two_assets(store: JobStore) -> None:
    ada, bob = upload(store, new_asset()), upload(store, new_asset(tenant="bob"))
    assert ada is not None
    assert bob is not None
    assert (ada.key, bob.key) == ("assets/ada/1/asset_a.png", "assets/bob/1/asset_a.png")


def test_an_image_that_is_there_is_not_written_again_and_begins_a_new_life(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    first = upload(store, new_asset("1"))
    assert first is not None
    reliable_backend.advance(DAY_MS - 60_000)
    again = store.call(commands.reserve_asset(new_asset("2"), RESERVATION_MS))
    assert again is not None
    assert again.key == first.key
    assert again.used_ms - again.created_ms >= DAY_MS - 60_000
    reliable_backend.advance(DAY_MS - 60_000)
    assert apply_retention(store).assets_expired == ()
    reliable_backend.advance(120_000)
    assert apply_retention(store).assets_expired == ("asset_a",)


def test_an_expired_image_is_gone_and_its_object_is_given_out_for_removal(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store, new_asset())
    reliable_backend.advance(DAY_MS + 1)
    assert apply_retention(store) == RetentionResult((), ("asset_a",), ("assets/ada/1/",), (), (), more=False)
    assert store.call(commands.get_asset("ada", "asset_a")) is None
    store.call(commands.confirm_deleted(["assets/ada/1/"]))
    reliable_backend.advance(10 * DAY_MS)
    assert apply_retention(store) == RetentionResult((), (), (), (), (), more=False)


def test_assets_are_kept_forever_without_a_retention_time(reliable_backend: StoreBackend) -> None:
    upload(reliable_backend.store, new_asset())
    reliable_backend.advance(1_000 * DAY_MS)
    assert reliable_backend.store.call(commands.apply_retention(Retention(0), LEASE_MS, 100)).assets_expired == ()


def test_what_was_announced_and_never_kept_is_removed_in_the_end(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    assert store.call(commands.reserve_asset(new_asset(), RESERVATION_MS)) is None
    assert apply_retention(store).removals == ()
    reliable_backend.advance(RESERVATION_MS)
    assert apply_retention(store).removals == ("assets/ada/1/",)


def test_a_late_commit_is_refused_and_nothing_is_kept(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    store.call(commands.reserve_asset(new_asset(), RESERVATION_MS))
    reliable_backend.advance(RESERVATION_MS)
    apply_retention(store)
    assert commit(store, new_asset()) is None
    assert store.call(commands.get_asset("ada", "asset_a")) is None


def test_of_two_that_upload_the_same_at_once_one_object_stays(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    assert store.call(commands.reserve_asset(new_asset("1"), RESERVATION_MS)) is None
    assert store.call(commands.reserve_asset(new_asset("2"), RESERVATION_MS)) is None
    first, second = commit(store, new_asset("1")), commit(store, new_asset("2"))
    assert first is not None
    assert second is not None
    assert (first.key, second.key) == (first.key, first.key)
    assert apply_retention(store).removals == ("assets/ada/2/",)


def test_a_new_life_is_not_touched_by_the_removal_of_the_old_one(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store, new_asset("1"))
    reliable_backend.advance(DAY_MS)
    removals = apply_retention(store).removals
    reborn = upload(store, new_asset("2"))
    assert reborn is not None
    assert not any(reborn.key.startswith(prefix) for prefix in removals)


def test_one_call_lets_go_of_no_more_than_it_is_asked_to(reliable_backend: StoreBackend) -> None:
    for number in range(3):
        upload(reliable_backend.store, new_asset(str(number), asset_id=f"asset_{number}"))
        reliable_backend.advance(1_000)
    reliable_backend.advance(DAY_MS)
    calls = [reliable_backend.store.call(commands.apply_retention(RETENTION, LEASE_MS, 2)) for _ in range(3)]
    assert [(call.assets_expired, call.more) for call in calls] == [
        (("asset_0", "asset_1"), True),
        (("asset_2",), False),
        ((), False),
    ]


def test_a_job_that_names_what_its_tenant_does_not_have_is_refused_whole(store: JobStore) -> None:
    upload(store, new_asset(tenant="bob"))
    upload(store, new_asset(asset_id="asset_b"))
    key = Idempotency("key", "fingerprint")
    job = new_job("job_1", assets=("asset_b", "asset_a"), idempotency=key)
    refused = store.call(commands.submit(job, NO_LIMITS))
    assert (refused.outcome, refused.record) == (SubmitOutcome.ASSET_NOT_FOUND, None)
    assert store.call(commands.get_job("ada", "job_1")) is None
    assert store.call(commands.get_asset("ada", "asset_b")).reference_count == 0
    upload(store, new_asset())
    assert store.call(commands.submit(job, NO_LIMITS)).outcome is SubmitOutcome.ACCEPTED


def test_an_asset_outlives_every_job_that_names_it(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store, new_asset())
    for number in (1, 2):
        store.call(commands.submit(new_job(f"job_{number}", assets=("asset_a",)), NO_LIMITS))
        store.call(commands.submit(new_job(f"job_{number}", assets=("asset_a",)), NO_LIMITS))
        store.call(commands.cancel("ada", f"job_{number}"))
    assert store.call(commands.get_asset("ada", "asset_a")).reference_count == 2
    store.call(commands.delete("ada", "job_1"))
    reliable_backend.advance(10 * DAY_MS)
    upload(store, new_asset("2"))
    reliable_backend.advance(10 * DAY_MS)
    assert apply_retention(store).assets_expired == ()
    store.call(commands.delete("ada", "job_2"))
    assert store.call(commands.get_asset("ada", "asset_a")).reference_count == 0
    reliable_backend.advance(DAY_MS - 60_000)
    assert apply_retention(store).assets_expired == ()
    reliable_backend.advance(60_000)
    assert apply_retention(store).assets_expired == ("asset_a",)


def test_a_deleted_job_releases_its_assets(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store, new_asset())
    store.call(commands.submit(new_job("job_1", assets=("asset_a",)), NO_LIMITS))
    store.call(commands.cancel("ada", "job_1"))
    store.call(commands.delete("ada", "job_1"))
    reliable_backend.advance(DAY_MS)
    assert apply_retention(store).assets_expired == ("asset_a",)


def test_the_assets_of_an_archived_job_stay_until_the_history_deletes_it(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    upload(store, new_asset())
    store.call(commands.submit(new_job("job_1", assets=("asset_a",)), NO_LIMITS))
    ended = store.call(commands.cancel("ada", "job_1"))
    store.call(commands.confirm_archived([ArchivedVersion("job_1", ended.version)]))
    assert store.call(commands.apply_retention(Retention(0), LEASE_MS, 100)).released == ("job_1",)
    reliable_backend.advance(DAY_MS)
    assert apply_retention(store).assets_expired == ()
    for _ in range(2):
        store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 1, is_deleted=True)]))
    reliable_backend.advance(DAY_MS)
    assert apply_retention(store).assets_expired == ("asset_a",)


def test_a_repeated_submission_is_replayed_whatever_became_of_its_assets(store: JobStore) -> None:
    upload(store, new_asset())
    key = Idempotency("key", "fingerprint")
    store.call(commands.submit(new_job("job_1", assets=("asset_a",), idempotency=key), NO_LIMITS))
    again = store.call(commands.submit(new_job("job_2", assets=("asset_gone",), idempotency=key), NO_LIMITS))
    assert (again.outcome, again.record.id) == (SubmitOutcome.REPLAYED, "job_1")


def test_a_key_can_be_looked_up_before_a_submission_is_made(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    assert store.call(commands.replay_submission("ada", key)) is None
    store.call(commands.submit(new_job("job_1", idempotency=key), NO_LIMITS))
    known = store.call(commands.replay_submission("ada", key))
    assert (known.outcome, known.record.id, known.position.jobs_ahead) == (SubmitOutcome.REPLAYED, "job_1", 0)
    assert store.call(commands.replay_submission("bob", key)) is None
    assert (
        store.call(commands.replay_submission("ada", Idempotency("key", "other"))).outcome is SubmitOutcome.KEY_REUSED
    )
    store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.replay_submission("ada", key)).record.status is Status.CANCELED
    store.call(commands.delete("ada", "job_1"))
    assert store.call(commands.replay_submission("ada", key)).record is None
