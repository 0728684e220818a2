"""The SDK's events against the real API."""

import threading
from collections.abc import Iterator

import pytest

from renderq import AsyncClient, Client, Status
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


@pytest.fixture
def client(api: RunningApi) -> Iterator[Client]:
    with Client(api.url) as client:
        yield client


def test_events_follow_the_worker(client: Client, worker: Worker) -> None:
    handle = client.submit("x")
    events = handle.events()
    assert next(events).job.status is Status.QUEUED
    record = worker.claim()
    assert next(events).job.status is Status.RUNNING
    for step in (1, 2, 3):
        worker.report(record, "denoising", step, 20)
        assert next(events).job.progress.step == step
    worker.finish(record)
    assert [event.name for event in events] == ["output", "done"]
    assert handle.job.version == client.job(handle.id).job.version  # signed URLs differ from one second to the next


def test_previews_come_as_they_are_made(client: Client, worker: Worker) -> None:
    handle = client.submit("x")
    events = handle.events(previews=True)
    assert next(events).name == "status"
    record = worker.claim()
    assert next(events).preview is None
    wait_until(lambda: worker.preview(record, 3, size=1_000))
    event = next(events)
    assert event.preview is not None
    assert (event.name, event.job.status, event.preview.step) == ("preview", Status.RUNNING, 3)
    assert event.preview.data == bytes(1_000)
    events.close()
    wait_until(lambda: not worker.has_preview_viewers(record))


async def test_async_events_follow_the_worker(api: RunningApi, worker: Worker) -> None:
    async with AsyncClient(api.url) as client:
        handle = await client.submit("x")
        events = handle.events()
        assert (await anext(events)).job.status is Status.QUEUED
        worker.fail(worker.claim())
        assert [event.name async for event in events][-1] == "done"
        assert handle.job.status is Status.FAILED


def test_progress_of_a_wait_comes_as_it_happens(client: Client, worker: Worker) -> None:
    """Each step is reported only after the previous one was received: polling would take a third of a second each."""
    handle = client.submit("x")
    record = worker.claim()
    steps: list[int] = []

    def on_progress(job: object) -> None:
        step = handle.job.progress.step
        if handle.job.status is Status.RUNNING:
            steps.append(step)
            worker.report(record, "denoising", step + 1, 20) if step < 20 else worker.finish(record)

    assert handle.wait(60, on_progress).status is Status.SUCCEEDED
    assert steps == list(range(21))


def test_events_survive_a_restart_of_the_api(settings_for: SettingsFor, store: object) -> None:
    with RunningApi(settings_for()) as first:
        port = int(first.url.rpartition(":")[2])
        worker = Worker(store, None)  # it stores no images in this test
        worker.register()
        with Client(first.url, max_retries=20) as client:
            handle = client.submit("x")
            record = worker.claim()
            names: list[tuple[str, int]] = []
            thread = threading.Thread(
                target=lambda: names.extend((event.name, event.job.version) for event in handle.events())
            )
            thread.start()
            watchers = first.server.config.app.state.services.job_watchers
            wait_until(lambda: watchers.watcher_count(handle.id))
            first.stop()
            worker.fail(record)
            with RunningApi(settings_for(port=port)):
                thread.join(timeout=60)
    assert names == [("status", 2), ("status", 3), ("done", 3)]
