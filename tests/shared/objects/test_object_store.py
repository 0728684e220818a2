"""Behavior that all object stores share: a folder, and S3 on two real servers."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from renderq_shared.errors import ObjectNotFound
from renderq_shared.objects import ObjectStore

pytestmark = pytest.mark.timeout(300)  # the first test to use a server installs it

KEY = "jobs/job_1/claim_1/0.png"


def content(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.read(key, start, end))


def test_what_is_put_can_be_read(store: ObjectStore) -> None:
    data = os.urandom(600_000)
    store.put(KEY, data, "image/png")
    assert content(store, KEY) == data
    info = store.info(KEY)
    assert (info.size_bytes, info.content_type) == (len(data), "image/png")


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (3, 7), (5, None), (9, 10), (0, 10), (10, 10)])
def test_parts_can_be_read(store: ObjectStore, start: int, end: int | None) -> None:
    store.put(KEY, b"0123456789", "image/png")
    assert content(store, KEY, start, end) == b"0123456789"[start:end]


def test_an_object_may_be_empty(store: ObjectStore) -> None:
    store.put(KEY, b"", "image/png")
    assert (store.info(KEY).size_bytes, content(store, KEY)) == (0, b"")


def test_put_replaces_the_object_and_changes_its_etag(store: ObjectStore) -> None:
    store.put(KEY, b"first", "image/png")
    etag = store.info(KEY).etag
    store.put(KEY, b"other", "image/png")
    assert content(store, KEY) == b"other"
    assert store.info(KEY).etag != etag


@pytest.mark.parametrize("key", ["jobs/x/0.png", "jobs", KEY + "/1.png", "jobs/job_1/claim_1"])
def test_unknown_key(store: ObjectStore, key: str) -> None:
    store.put(KEY, b"x", "image/png")
    with pytest.raises(ObjectNotFound):
        store.info(key)
    for start, end in ((0, None), (1, 2), (0, 0)):
        with pytest.raises(ObjectNotFound):
            content(store, key, start, end)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        ".hidden",
        "a/.b",
        "a\\b",
        "a\0b",
        "a b",
        "é",
        "a\n",
        "a" * 129,
        "/".join(["abc"] * 200),
    ],
)
def test_invalid_keys_are_refused_everywhere(store: ObjectStore, key: str) -> None:
    for use in (
        lambda: store.put(key, b"x", "image/png"),
        lambda: store.info(key),
        lambda: content(store, key),
        lambda: store.signed_url(key, 60),
        lambda: store.delete_prefix(f"{key}/"),
    ):
        with pytest.raises(ValueError, match="not a"):
            use()


def test_content_type_follows_from_the_extension(store: ObjectStore) -> None:
    for name, content_type in {
        "a.png": "image/png",
        "a.jpg": "image/jpeg",
        "a.webp": "image/webp",
        "a.json": "application/json",
        "a.bin": "application/octet-stream",
    }.items():
        store.put(name, b"x", content_type)
        assert store.info(name).content_type == content_type
    with pytest.raises(ValueError, match="by its extension"):
        store.put("b.png", b"x", "image/jpeg")


def test_prefix_is_deleted_whole_and_alone(store: ObjectStore) -> None:
    for key in ("jobs/a/1/0.png", "jobs/a/1/1.png", "jobs/a/2/0.png", "jobs/ab/1/0.png"):
        store.put(key, b"x", "image/png")
    assert store.delete_prefix("jobs/a/1/") == 2
    assert store.delete_prefix("jobs/a/") == 1
    assert store.delete_prefix("jobs/a/") == 0
    assert store.info("jobs/ab/1/0.png")
    for prefix in ("jobs", "", "/", "../", "jobs/../"):
        with pytest.raises(ValueError, match="prefix"):
            store.delete_prefix(prefix)


def test_keys_below_a_prefix_are_listed(store: ObjectStore) -> None:
    keys = {"jobs/a/1/0.png", "jobs/a/job.json", "jobs/b/job.json"}
    for key in (*keys, "jobsite/job.json", "other/x.png"):
        store.put(key, b"x", "application/json" if key.endswith("json") else "image/png")
    assert set(store.keys("jobs/")) == keys
    assert set(store.keys("jobs/a/")) == {"jobs/a/1/0.png", "jobs/a/job.json"}
    assert list(store.keys("nothing/")) == []
    for prefix in ("jobs", "", "/", "../"):
        with pytest.raises(ValueError, match="prefix"):
            list(store.keys(prefix))


def test_many_threads_may_use_it_at_once(store: ObjectStore) -> None:
    def round_trip(number: int) -> bool:
        key, data = f"jobs/job/claim/{number}.png", str(number).encode() * 1000
        store.put(key, data, "image/png")
        return content(store, key, 1, 500) == data[1:500] and store.signed_url(key, 60).url != ""

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(round_trip, range(64)))
    assert store.delete_prefix("jobs/job/") == 64


def test_signed_url_states_its_expiry(store: ObjectStore) -> None:
    store.put(KEY, b"x", "image/png")
    before = time.time()
    expires_at = store.signed_url(KEY, 600).expires_at.timestamp()
    assert before + 599 <= expires_at <= time.time() + 600


def test_check_can_be_repeated(store: ObjectStore) -> None:
    store.check()
    store.check()
    assert store.id == store.id
