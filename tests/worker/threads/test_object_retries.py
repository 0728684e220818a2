import threading
from pathlib import Path

import pytest

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_worker.threads.inflight_operations import InflightOperations
from renderq_worker.threads.object_retries import ObjectRetries
from tests.worker.worker_harness import FlakyFolderStore

KEY = "jobs/a/b/0.png"


@pytest.fixture
def folder(tmp_path: Path) -> FlakyFolderStore:
    store = FlakyFolderStore(tmp_path)
    store.check()
    return store


def upload(folder: FlakyFolderStore, *delays_s: float, closing: threading.Event | None = None) -> None:
    retries = ObjectRetries(InflightOperations(), closing or threading.Event(), delays_s)
    retries.run("upload", lambda: folder.put(KEY, b"image", "image/png"))


def test_a_call_outlasts_a_store_that_is_down_for_a_while(folder: FlakyFolderStore) -> None:
    folder.refusals = 2
    upload(folder, 0.01, 0.01)
    assert b"".join(folder.read(KEY)) == b"image"


def test_a_call_fails_after_the_last_attempt(folder: FlakyFolderStore) -> None:
    folder.refusals = 3
    with pytest.raises(ObjectStoreUnavailable):
        upload(folder, 0.01, 0.01)
    assert folder.refusals == 0


def test_closing_ends_the_waiting_with_one_more_attempt(folder: FlakyFolderStore) -> None:
    closing = threading.Event()
    closing.set()
    folder.refusals = 5
    with pytest.raises(ObjectStoreUnavailable):
        upload(folder, 3600.0, 3600.0, closing=closing)
    assert folder.refusals == 3
