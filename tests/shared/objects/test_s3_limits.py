"""Object store on S3 servers that lack operations: found at the start, or done in another way."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects import ObjectStore, open_store
from renderq_shared.settings import SharedSettings
from tests.s3_proxy import MultiDelete, S3Proxy
from tests.s3_servers import S3Server

_buckets = count(1)

REFUSALS = ("MissingContentMD5", "NotImplemented", "MethodNotAllowed", "ignored")


@pytest.fixture
def bucket(nanio: S3Server) -> str:
    name = f"limits-{next(_buckets)}"
    nanio.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(nanio: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    for name, value in nanio.env.items():
        monkeypatch.setenv(name, value)
    with S3Proxy(nanio.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def store(proxy: S3Proxy, bucket: str) -> ObjectStore:
    return open_store(SharedSettings(store=f"s3://{bucket}/some/prefix", s3_checksums="when_required"))


def put_images(store: ObjectStore, count: int) -> None:
    for number in range(count):
        store.put(f"jobs/a/{number}.png", b"x", "image/png")


@pytest.mark.parametrize("refusal", REFUSALS[:3])
def test_objects_are_deleted_one_by_one_where_several_are_refused(
    store: ObjectStore, proxy: S3Proxy, refusal: MultiDelete
) -> None:
    proxy.multi_delete = refusal
    put_images(store, 3)
    assert store.delete_prefix("jobs/a/") == 3
    assert list(store.keys("jobs/")) == []
    put_images(store, 2)
    assert store.delete_prefix("jobs/a/") == 2
    assert proxy.requests["delete_many"] == 1  # the refusal is remembered


@pytest.mark.parametrize("refusal", REFUSALS)
def test_check_finds_out_how_to_delete(store: ObjectStore, proxy: S3Proxy, bucket: str, refusal: MultiDelete) -> None:
    proxy.multi_delete = refusal
    store.check()
    put_images(store, 3)
    assert store.delete_prefix("jobs/a/") == 3
    assert list(store.keys("jobs/")) == []
    assert proxy.requests["delete_many"] == 1


def test_check_leaves_nothing_behind(store: ObjectStore, nanio: S3Server, bucket: str) -> None:
    store.check()
    assert nanio.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("single_delete", ["AccessDenied", "ignored"])
def test_check_refuses_a_store_that_does_not_delete(store: ObjectStore, proxy: S3Proxy, single_delete: str) -> None:
    proxy.multi_delete = "AccessDenied" if single_delete == "AccessDenied" else "ignored"
    proxy.single_delete = single_delete  # type: ignore[assignment]
    with pytest.raises(ObjectStoreUnsuitable, match="cannot be deleted"):
        store.check()


def test_check_refuses_a_store_that_changes_what_is_written(store: ObjectStore, proxy: S3Proxy) -> None:
    proxy.put = "corrupts"
    with pytest.raises(ObjectStoreUnsuitable, match="RENDERQ_S3_CHECKSUMS=when_required"):
        store.check()


def test_check_writes_again_after_a_failed_upload(store: ObjectStore, proxy: S3Proxy) -> None:
    """Otherwise readiness would not see that a quota is used up."""
    store.check()
    proxy.put = "QuotaExceeded"
    store.check()  # writes once in a while only: a bucket with versions would keep every write
    with pytest.raises(ObjectStoreUnavailable, match="QuotaExceeded"):
        put_images(store, 1)
    for _ in range(2):
        with pytest.raises(ObjectStoreUnavailable, match="QuotaExceeded"):
            store.check()
    proxy.put = "works"
    store.check()


def test_failed_deletion_is_no_reason_to_delete_one_by_one(store: ObjectStore, proxy: S3Proxy) -> None:
    put_images(store, 2)
    proxy.multi_delete = proxy.single_delete = "AccessDenied"
    with pytest.raises(ObjectStoreUnavailable, match="permission denied"):
        store.delete_prefix("jobs/a/")
    proxy.multi_delete = proxy.single_delete = "works"
    requests = proxy.requests["delete"]
    assert store.delete_prefix("jobs/a/") == 2
    assert proxy.requests["delete"] == requests


def test_large_object_is_uploaded_whole_where_parts_are_refused(store: ObjectStore, proxy: S3Proxy) -> None:
    proxy.multipart = "NotImplemented"
    data = os.urandom(9_000_000)
    store.put("large.bin", data, "application/octet-stream")
    assert b"".join(store.read("large.bin")) == data
