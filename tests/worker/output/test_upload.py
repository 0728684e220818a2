import threading
from pathlib import Path

import pytest

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_worker.output import Uploader
from renderq_worker.threads.inflight_operations import InflightOperations
from tests.worker.worker_harness import FlakyFolderStore

KEY = "jobs/a/b/0.png"


@pytest.fixture
def folder(tmp_path: Path) -> FlakyFolderStore:
    store = FlakyFolderStore(tmp_path)
    store.check()
    return store


def uploader(folder: FlakyFolderStore, *retry_delays_s: float, closing: threading.Event | None = None) -> Uploader:
    return Uploader(folder, InflightOperations(), closing or threading.Event(), retry_delays_s)


def test_an_upload_outlasts_a_store_that_is_away_for_a_while(folder: FlakyFolderStore) -> None:
    folder.refusals = 2
    uploader(folder, 0.01, 0.01).put(KEY, b"image", "image/png")
    assert b"".join(folder.read(KEY)) == b"image"


def test_an_upload_is_given_up_after_the_last_attempt(folder: FlakyFolderStore) -> None:
    folder.refusals = 3
    with pytest.raises(ObjectStoreUnavailable):
        uploader(folder, 0.01, 0.01).put(KEY, b"image", "image/png")
    assert folder.refusals == 0


def test_closing_ends_the_waiting_with_one_more_attempt(folder: FlakyFolderStore) -> None:
    closing = threading.Event()
    closing.set()
    folder.refusals = 5
    with pytest.raises(ObjectStoreUnavailable):
        uploader(folder, 3600.0, 3600.0, closing=closing).put(KEY, b"image", "image/png")
    assert folder.refusals == 3
