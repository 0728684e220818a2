"""Object store in a folder."""

import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects import FolderStore, is_key, open_store
from renderq_shared.objects.folder.durable_files import create_once
from renderq_shared.settings import SharedSettings

KEY = "jobs/job_1/claim_1/0.png"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.check()
    return store


def content(store: FolderStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.read(key, start, end))


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (3, 7), (5, None), (0, 10), (9, 99), (10, None)])
def test_parts_can_be_read(store: FolderStore, start: int, end: int | None) -> None:
    store.put(KEY, b"0123456789", "image/png")
    assert content(store, KEY, start, end) == b"0123456789"[start:end]


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
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store.put(KEY, b"x", "image/png")
    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(ObjectStoreUnavailable, match="No space left"):
        store.put(KEY, b"y", "image/png")
    monkeypatch.undo()
    assert content(store, KEY) == b"x"
    assert list((store.root / ".renderq" / "unfinished").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser may mount a disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("this container may not mount a disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_full_disk_keeps_no_pieces_and_is_seen(small_disk: Path) -> None:
    store = FolderStore(small_disk / "store")
    store.check()
    (small_disk / "other").write_bytes(bytes(3_200_000))
    for number in range(5):
        with pytest.raises(ObjectStoreUnavailable, match="No space left"):
            store.put(f"jobs/a/{number}.png", os.urandom(1_000_000), "image/png")
    assert list((store.root / ".renderq" / "unfinished").iterdir()) == []
    with suppress(OSError):
        (small_disk / "rest").write_bytes(bytes(4_000_000))
    for _ in range(2):
        with pytest.raises(ObjectStoreUnavailable, match="No space left"):
            store.check()
    (small_disk / "rest").unlink()
    store.check()
    with pytest.raises(ObjectStoreUnavailable, match="RENDERQ_STORE_MIN_FREE_MB"):
        FolderStore(store.root, min_free_bytes=2_000_000).check()


def test_read_only_folder_is_seen(small_disk: Path) -> None:
    store = FolderStore(small_disk / "store")
    store.check()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(ObjectStoreUnsuitable, match="Read-only"):
        store.check()


def test_pieces_of_killed_processes_are_deleted_after_an_hour(store: FolderStore) -> None:
    scratch = store.root / ".renderq" / "unfinished"
    for name, age_s in (("old", 3_700), ("new", 60)):
        (scratch / name).write_bytes(b"x")
        written = (store.root / ".renderq" / "last-check").stat().st_mtime - age_s
        os.utime(scratch / name, (written, written))
    store.check()
    assert [path.name for path in scratch.iterdir()] == ["new"]


def test_everything_is_private_whatever_the_umask_and_the_folders_were(tmp_path: Path) -> None:
    for folder in (tmp_path / "store", tmp_path / "store" / "jobs", tmp_path / "store" / ".renderq"):
        folder.mkdir()
        folder.chmod(0o755)
    umask = os.umask(0)
    try:
        store = FolderStore(tmp_path / "store")
        store.check()
        store.put(KEY, b"x", "image/png")
        store.put("assets/a/1/0.png", b"x", "image/png")
        store.signed_url(KEY, 60)
        assert store.id
    finally:
        os.umask(umask)
    below = list(store.root.rglob("*"))
    assert {path.name for path in below if path.is_file()} >= {"store-id", "signing-key", "last-check", "0.png"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_dir()} == {0o700}


def test_emptied_folder_keeps_its_id_and_its_signing_key(store: FolderStore) -> None:
    id, signed = store.id, store.signed_url(KEY, 60)
    shutil.rmtree(store.root)
    store.check()
    other = FolderStore(store.root)
    assert (store.id, other.existing_id()) == (id, id)
    expires, signature = (part.partition("=")[2] for part in signed.url.partition("?")[2].split("&"))
    assert other.is_signed(KEY, int(expires), signature)


def test_exchanged_folder_brings_its_own_id(store: FolderStore, tmp_path: Path) -> None:
    assert store.id
    other = FolderStore(tmp_path / "other")
    id = other.id
    shutil.rmtree(store.root)
    other.root.rename(store.root)
    store.check()
    assert store.id == id


def test_reading_an_id_does_not_create_one(store: FolderStore) -> None:
    assert store.existing_id() is None
    store.check()
    assert FolderStore(store.root).existing_id() is None


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


@given(st.text(max_size=30) | st.from_regex(r"[a-z./]{1,20}", fullmatch=True))
def test_no_key_leads_out_of_the_folder(key: str) -> None:
    if is_key(key):
        root = Path("/root/of/store")
        assert root in Path(os.path.normpath(root / key)).parents
        assert ".renderq" not in key.split("/")


def test_put_survives_concurrent_deletions_of_its_folder(store: FolderStore) -> None:
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


def test_concurrent_first_users_agree_on_the_id(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: FolderStore(tmp_path / "new").id, range(64)))
    assert len(ids) == 1
    assert len(ids.pop()) == 64


def test_first_writer_wins(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        create_once(tmp_path / "shared", data, scratch=tmp_path)
    assert (tmp_path / "shared").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_check_names_the_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ObjectStoreUnsuitable, match="is a file"):
            FolderStore(path).check()
    with pytest.raises(ObjectStoreUnsuitable, match="RENDERQ_STORE"):
        FolderStore(Path("/proc/renderq")).check()


def test_check_reports_transient_problems(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(ObjectStoreUnavailable, match="No space left"):
        store.check()


def test_settings_name_the_folder(tmp_path: Path) -> None:
    assert open_store(SharedSettings(data=tmp_path)).root == tmp_path / "objects"
    assert open_store(SharedSettings(store=f"folder:{tmp_path}/other")).root == tmp_path / "other"
