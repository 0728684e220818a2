"""A folder as object store."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects import FolderStore, open_store
from renderq_shared.objects.durable_files import create_once
from renderq_shared.objects.keys import is_key
from renderq_shared.settings import SharedSettings

KEY = "jobs/job_1/claim_1/0.png"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.check()
    return store


def content(store: FolderStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.read(key, start, end))


def test_what_is_put_can_be_read(store: FolderStore) -> None:
    data = os.urandom(600_000)
    store.put(KEY, data, "image/png")
    assert content(store, KEY) == data
    info = store.info(KEY)
    assert (info.size_bytes, info.content_type) == (len(data), "image/png")


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (3, 7), (5, None), (0, 10), (9, 99), (10, None)])
def test_parts_can_be_read(store: FolderStore, start: int, end: int | None) -> None:
    store.put(KEY, b"0123456789", "image/png")
    assert content(store, KEY, start, end) == b"0123456789"[start:end]


def test_put_again_replaces_whole_and_renames_the_content(store: FolderStore) -> None:
    store.put(KEY, b"first", "image/png")
    etag = store.info(KEY).etag
    store.put(KEY, b"other", "image/png")
    assert content(store, KEY) == b"other"
    assert store.info(KEY).etag != etag


def test_reader_sees_one_whole_object_while_it_is_replaced(store: FolderStore) -> None:
    versions = [bytes([letter]) * 500_000 for letter in b"abcdef"]
    store.put(KEY, versions[0], "image/png")
    done = threading.Event()

    def write() -> None:
        for version in versions * 3:
            store.put(KEY, version, "image/png")
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not done.is_set():
            assert content(store, KEY) in versions
        writing.result()


def test_no_unfinished_file_stays(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store.put(KEY, b"x", "image/png")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ObjectStoreUnavailable, match="No space left"):
        store.put(KEY, b"y", "image/png")
    monkeypatch.undo()
    assert content(store, KEY) == b"x"
    assert list((store.root / ".renderq" / "unfinished").iterdir()) == []


def test_file_and_folders_are_made_durable_before_put_returns(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    store.put(KEY, b"x", "image/png")
    folders = [str(store.root.joinpath(*KEY.split("/")[:depth])) for depth in range(4)]
    assert "unfinished" in synced[0]
    assert synced[1:] == folders


@pytest.mark.parametrize("key", ["jobs/x/0.png", "jobs", KEY + "/1.png", "jobs/job_1/claim_1"])
def test_unknown_key(store: FolderStore, key: str) -> None:
    store.put(KEY, b"x", "image/png")
    with pytest.raises(ObjectNotFound):
        store.info(key)
    with pytest.raises(ObjectNotFound):
        content(store, key)


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
def test_what_is_no_key_is_refused_everywhere(store: FolderStore, key: str) -> None:
    for use in (
        lambda: store.put(key, b"x", "image/png"),
        lambda: store.info(key),
        lambda: content(store, key),
        lambda: store.signed_url(key, 60),
        lambda: store.delete_prefix(f"{key}/"),
    ):
        with pytest.raises(ValueError, match="not a"):
            use()


@given(st.text(max_size=30) | st.from_regex(r"[a-z./]{1,20}", fullmatch=True))
def test_no_key_leads_out_of_the_folder(key: str) -> None:
    if is_key(key):
        root = Path("/root/of/store")
        assert root in Path(os.path.normpath(root / key)).parents
        assert ".renderq" not in key.split("/")


def test_content_type_is_told_by_the_extension(store: FolderStore) -> None:
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


def test_prefix_is_deleted_whole_and_alone(store: FolderStore) -> None:
    for key in ("jobs/a/1/0.png", "jobs/a/1/1.png", "jobs/a/2/0.png", "jobs/ab/1/0.png"):
        store.put(key, b"x", "image/png")
    assert store.delete_prefix("jobs/a/1/") == 2
    assert store.delete_prefix("jobs/a/") == 1
    assert store.delete_prefix("jobs/a/") == 0
    assert store.info("jobs/ab/1/0.png")
    for prefix in ("jobs", "", "/", "../", "jobs/../"):
        with pytest.raises(ValueError, match="prefix"):
            store.delete_prefix(prefix)


def test_put_survives_that_its_folder_is_deleted_all_the_time(store: FolderStore) -> None:
    done = threading.Event()

    def delete() -> None:
        while not done.is_set():
            try:
                store.delete_prefix("jobs/job_1/")
            except ObjectStoreUnavailable:
                continue

    with ThreadPoolExecutor(1) as pool:
        pool.submit(delete)
        for number in range(30):
            try:
                store.put(f"jobs/job_1/claim/{number}.png", b"x", "image/png")
            except ObjectStoreUnavailable:
                continue
        done.set()


def test_signing_key_is_private_and_shared_by_all_processes(store: FolderStore) -> None:
    signed = store.signed_url(KEY, 60)
    mode = (store.root / ".renderq" / "signing-key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    path, _, query = signed.url.partition("?")
    assert path == f"/v1/files/{KEY}"
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    other = FolderStore(store.root)
    assert other.is_signed(KEY, int(expires), signature)
    assert not other.is_signed(KEY, int(expires) + 1, signature)
    assert not other.is_signed(KEY + "x", int(expires), signature)
    assert not other.is_signed(KEY, int(expires), signature + "=")
    assert not other.is_signed(KEY, int(expires), "\ud800")


def test_first_ones_at_the_same_time_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: FolderStore(tmp_path / "new").id, range(64)))
    assert len(ids) == 1
    assert len(ids.pop()) == 64


def test_whoever_is_first_wins(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        create_once(tmp_path / "shared", data, scratch=tmp_path, mode=0o600)
    assert (tmp_path / "shared").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_check_says_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ObjectStoreUnsuitable, match="is a file"):
            FolderStore(path).check()
    with pytest.raises(ObjectStoreUnavailable, match="RENDERQ_STORE"):
        FolderStore(Path("/proc/renderq")).check()


def test_settings_name_the_folder(tmp_path: Path) -> None:
    assert open_store(SharedSettings(data=tmp_path)).root == tmp_path / "objects"
    assert open_store(SharedSettings(store=f"folder:{tmp_path}/other")).root == tmp_path / "other"
