"""Data folder: private after startup, with any mode and owner before."""

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from renderq_shared.private_folders import FolderNotPrivate, secure_data_folder

OTHER_UID = 65_534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder as older versions left it, readable by all users, below a folder that they may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        files = [data / "redis" / "appendonlydir" / "1.aof", data / "objects" / "jobs" / "0.png"]
        for file in files:
            file.parent.mkdir(parents=True)
            file.write_bytes(b"private")
            file.chmod(0o644)
        for path in (data, *data.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        yield data


def test_folder_of_an_older_version_is_closed(data: Path) -> None:
    secure_data_folder(data)
    assert {mode(folder) for folder in (data, data / "redis", data / "objects")} == {0o700}
    assert mode(data / "redis" / "appendonlydir" / "1.aof") == 0o600
    secure_data_folder(data)


def test_files_that_a_running_server_deletes_meanwhile_are_skipped(data: Path) -> None:
    """Valkey replaces its append-only file through temporary ones."""
    has_ended = threading.Event()

    def rewrite() -> None:
        while not has_ended.is_set():
            for number in range(20):
                (data / "redis" / f"temp-{number}.aof").touch()
            for number in range(20):
                (data / "redis" / f"temp-{number}.aof").unlink()

    with ThreadPoolExecutor(1) as server:
        running = server.submit(rewrite)
        try:
            for _ in range(300):
                secure_data_folder(data)
        finally:
            has_ended.set()
        running.result()


def test_missing_folder_is_left_alone(tmp_path: Path) -> None:
    secure_data_folder(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def test_public_places_stay_open(data: Path) -> None:
    data.chmod(0o1777)
    secure_data_folder(data)
    assert mode(data) == 0o1777
    assert mode(data / "redis") == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder to another user")
@pytest.mark.parametrize("foreign", ["", "redis", "objects"])
def test_folder_of_another_user_is_refused(data: Path, foreign: str) -> None:
    for path in (data, *data.rglob("*")):
        os.chown(path, OTHER_UID, OTHER_UID)
    os.chown(data / foreign, 1234, 1234)
    os.seteuid(OTHER_UID)
    try:
        with pytest.raises(FolderNotPrivate, match=r"belongs to another user \(uid 1234\).* RENDERQ_DATA"):
            secure_data_folder(data)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder to another user")
def test_folder_of_a_mounted_volume_is_accepted(data: Path) -> None:
    """Volumes belong to the superuser, and their group may write."""
    for path in data.rglob("*"):
        os.chown(path, OTHER_UID, OTHER_UID)
    data.chmod(0o2775)
    os.seteuid(OTHER_UID)
    try:
        secure_data_folder(data)
    finally:
        os.seteuid(0)
    assert mode(data) == 0o2775
    assert mode(data / "redis") == 0o700
