"""`events()` and `wait()` against a server whose streams break in every way."""

import threading
from dataclasses import replace

import pytest

from renderq import (
    AsyncClient,
    Client,
    ConnectionFailed,
    JobEvent,
    JobFailed,
    NotFound,
    UnexpectedResponse,
    WaitTimeout,
)
from renderq._core import event_stream
from renderq._core.events import _JobEvents
from renderq.job_handle import JobHandle
from renderq.testing import DROPPED, FakeResponse, FakeService, problem
from tests.shared.renderq.factories import job, preview, stream

JOB = "/v1/jobs/job_1"
EVENTS = f"{JOB}/events"

QUEUED, RUNNING = job(), job("running", version=2)
HALFWAY, DONE = job("running", version=3), job("succeeded", version=4)

RETRY_NOW = problem("service_unavailable", "starting", retry_after=0)


@pytest.fixture
def handle(server: FakeService, client: Client) -> JobHandle:
    server.on("GET", JOB, FakeResponse(200, QUEUED))
    found = client.job("job_1")
    server.received.clear()
    return found


@pytest.fixture(autouse=True)
def _no_pause_before_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq._core.retries.BACKOFF_BASE", 0.0)


@pytest.fixture
def never() -> threading.Event:
    """Set at the end of the test."""
    return threading.Event()


@pytest.fixture(autouse=True)
def _release_streams(server: FakeService, never: threading.Event):
    yield
    never.set()


def names(events: list[JobEvent]) -> list[tuple[str, int]]:
    return [(event.name, event.job.version) for event in events]


def test_events_come_typed_and_end_with_done(server: FakeService, handle: JobHandle, never: threading.Event) -> None:
    server.on("GET", EVENTS, stream(("status", RUNNING), ("novelty", RUNNING), ("done", DONE), until=never))
    assert names(list(handle.events())) == [("status", 2), ("done", 4)]
    assert handle.job == DONE
    [request] = server.received
    assert request.headers["Accept"].startswith("text/event-stream")
    assert request.headers["Authorization"] == "Bearer rq_secret"
    assert "Last-Event-ID" not in request.headers


def test_each_event_is_there_before_the_next(server: FakeService, handle: JobHandle, never: threading.Event) -> None:
    server.on("GET", EVENTS, stream(("status", RUNNING), until=never))
    events = handle.events()
    assert next(events).job == handle.job == RUNNING
    events.close()


def test_a_stream_that_breaks_off_is_taken_up_where_it_was_left(server: FakeService, handle: JobHandle) -> None:
    server.on(
        "GET",
        EVENTS,
        stream(("status", QUEUED), ("status", RUNNING)),
        stream(),
        RETRY_NOW,
        DROPPED,
        stream(("progress", HALFWAY)),
        stream(("output", DONE), ("done", DONE)),
    )
    expected = [("status", 1), ("status", 2), ("progress", 3), ("output", 4), ("done", 4)]
    assert names(list(handle.events())) == expected
    assert [request.headers.get("Last-Event-ID") for request in server.received] == [None, "2", "2", "2", "2", "3"]


async def test_the_async_client_does_the_same(server: FakeService, never: threading.Event) -> None:
    server.on("GET", JOB, FakeResponse(200, QUEUED))
    server.on("GET", EVENTS, stream(("status", RUNNING)), DROPPED, stream(("done", DONE), until=never))
    async with AsyncClient(server.url) as client:
        handle = await client.job("job_1")
        assert names([event async for event in handle.events()]) == [("status", 2), ("done", 4)]
        assert handle.job == DONE
    assert [request.headers.get("Last-Event-ID") for request in server.requests("GET", EVENTS)] == [None, "2", "2"]


def test_previews_come_between_other_events(server: FakeService, handle: JobHandle) -> None:
    server.on(
        "GET",
        f"{EVENTS}?previews=true",
        stream(("status", RUNNING), preview(1), preview(1, index=1)),
        stream(preview(2), ("done", DONE)),
    )
    events = list(handle.events(previews=True))
    assert names(events) == [("status", 2), ("preview", 2), ("preview", 2), ("preview", 2), ("done", 4)]
    previews = [(event.preview.index, event.preview.step, event.preview.data) for event in events if event.preview]
    assert previews == [(0, 1, b"1"), (1, 1, b"1"), (0, 2, b"2")]
    assert [request.headers.get("Last-Event-ID") for request in server.received] == [None, "2"]


async def test_previews_come_to_the_async_client_too(server: FakeService) -> None:
    server.on("GET", JOB, FakeResponse(200, QUEUED))
    server.on("GET", f"{EVENTS}?previews=true", stream(("status", RUNNING), preview(1), ("done", DONE)))
    async with AsyncClient(server.url) as client:
        handle = await client.job("job_1")
        events = [event async for event in handle.events(previews=True)]
    assert [event.preview and event.preview.step for event in events] == [None, 1, None]


@pytest.mark.parametrize("data", ["{}", '{"index": 0', '{"index": 0, "data": "?"}'])
def test_a_preview_that_is_none_is_an_error(server: FakeService, handle: JobHandle, data: str) -> None:
    broken = stream(("status", RUNNING))
    server.on(
        "GET",
        f"{EVENTS}?previews=true",
        replace(broken, body=broken.payload + f"event: preview\ndata: {data}\n\n".encode()),
    )
    with pytest.raises(UnexpectedResponse):
        list(handle.events(previews=True))


def test_the_pause_is_what_the_service_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq._core.event_stream.random.uniform", lambda low, high: high)
    connections = [event_stream.Connection(_JobEvents("job_1", lambda event: None, previews=False)) for _ in range(2)]
    connections[0].feed(b"retry: 7000\n\n")
    assert [connection.retry_s for connection in connections] == [7.0, 2.0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("not_found", "gone"), NotFound),
        (FakeResponse(200, b"<html>", {"Content-Type": "text/html"}), UnexpectedResponse),
        (FakeResponse(200, QUEUED, {"Content-Type": "application/json"}), UnexpectedResponse),
        (FakeResponse(302, b"", {"Location": "/login"}), UnexpectedResponse),
        (FakeResponse(200, b"event: status\ndata: {}\n\n", {"Content-Type": "text/event-stream"}), UnexpectedResponse),
    ],
)
def test_what_is_no_stream_of_a_job_is_an_error_at_once(
    server: FakeService, handle: JobHandle, answer: FakeResponse, error: type[Exception]
) -> None:
    server.on("GET", EVENTS, answer)
    with pytest.raises(error):
        list(handle.events())
    assert len(server.received) == 1


def test_streams_that_bring_nothing_are_given_up(server: FakeService, handle: JobHandle) -> None:
    server.on("GET", EVENTS, FakeResponse(200, b"", {"Content-Type": "text/event-stream"}))
    with pytest.raises(ConnectionFailed, match="ended without any data"):
        list(handle.events())
    assert len(server.received) == 5


def test_wait_takes_the_events(server: FakeService, handle: JobHandle) -> None:
    server.on(
        "GET", EVENTS, stream(("status", RUNNING), ("progress", HALFWAY)), stream(("output", DONE), ("done", DONE))
    )
    seen: list[int] = []
    assert handle.wait(on_progress=lambda job: seen.append(job.version)) == DONE
    assert seen == [2, 3, 4]
    assert {request.path for request in server.received} == {EVENTS}


def test_done_alone_is_a_change_too(server: FakeService, handle: JobHandle) -> None:
    server.on("GET", EVENTS, stream(("done", job("failed", version=2))))
    seen: list[str] = []
    with pytest.raises(JobFailed):
        handle.wait(on_progress=lambda job: seen.append(job.status))
    assert seen == ["failed"]


def test_an_error_of_the_callers_own_ends_the_wait(server: FakeService, handle: JobHandle) -> None:
    server.on("GET", EVENTS, stream(("status", RUNNING)))

    def on_progress(job: object) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        handle.wait(on_progress=on_progress)


@pytest.mark.parametrize(
    "answer",
    [
        problem("not_found", "no such route"),
        FakeResponse(406),
        problem("service_unavailable", "bad gateway"),
        DROPPED,
        FakeResponse(200, b"<html>", {"Content-Type": "text/html"}),
        FakeResponse(200, b"", {"Content-Type": "text/event-stream"}),
        FakeResponse(200, b"event: status\ndata: []\n\n", {"Content-Type": "text/event-stream"}),
    ],
)
def test_wait_polls_where_there_are_no_events(server: FakeService, handle: JobHandle, answer: FakeResponse) -> None:
    server.on("GET", EVENTS, answer)
    server.on("GET", JOB, FakeResponse(200, DONE, {"Preference-Applied": "wait=60"}))
    assert handle.wait() == DONE
    assert [(request.path, request.headers.get("Prefer")) for request in server.received] == [
        (EVENTS, None),
        (JOB, "wait=60"),
    ]


def test_wait_polls_where_a_proxy_holds_events_back(
    server: FakeService, handle: JobHandle, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "IDLE_TIMEOUT_S", 0.2)
    held_back = FakeResponse(200, b"", {"Content-Type": "text/event-stream"}, lambda: iter([b""] * never.wait(60)))
    server.on("GET", EVENTS, held_back)
    server.on("GET", JOB, FakeResponse(200, DONE))
    assert handle.wait() == DONE


def test_a_stream_that_falls_silent_is_opened_again(
    server: FakeService, handle: JobHandle, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "IDLE_TIMEOUT_S", 0.2)
    server.on("GET", EVENTS, stream(("status", RUNNING), until=never), stream(("done", DONE)))
    assert handle.wait() == DONE
    assert [request.headers.get("Last-Event-ID") for request in server.received] == [None, "2"]


def test_wait_ends_at_its_timeout_though_the_stream_goes_on(
    server: FakeService, handle: JobHandle, never: threading.Event
) -> None:
    server.on("GET", EVENTS, stream(("status", RUNNING), until=never))
    server.on("GET", JOB, FakeResponse(200, RUNNING))
    with pytest.raises(WaitTimeout):
        handle.wait(timeout=1.1)
    assert handle.job == RUNNING


async def test_async_wait_ends_at_its_timeout_too(server: FakeService, never: threading.Event) -> None:
    server.on("GET", EVENTS, stream(("status", RUNNING), until=never))
    server.on("GET", JOB, FakeResponse(200, RUNNING))
    async with AsyncClient(server.url) as client:
        handle = await client.job("job_1")
        with pytest.raises(WaitTimeout):
            await handle.wait(timeout=1.1)
    assert server.requests("GET", EVENTS)
