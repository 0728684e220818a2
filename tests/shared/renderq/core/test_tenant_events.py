"""`client.events()` against a server whose streams break off, and what `renderq events` prints."""

import json
import threading
from collections.abc import Iterator

import pytest

from renderq import AsyncClient, Client, InvalidArgument, TenantEvent, Unauthorized, UnexpectedResponse
from renderq.cli import main
from renderq.contract import DeletedJob, Eta, JobPreview, QueuePlace, QueuePlaces, Stats
from renderq.testing import DROPPED, FakeResponse, FakeService, JobScript, problem
from renderq.testing.responses import format_tenant_event
from tests.shared.renderq.factories import job, preview

RUNNING = job("running", version=2)
PLACE = QueuePlace(id="job_2", queue_position=3, eta_seconds=Eta(p50=4.0, p90=6.0), wait_reason="queued")
LOAD = Stats(queued_jobs=4, running_jobs=1, workers=2, models=())
PREVIEW = JobPreview.model_validate_json(f'{{"job": "job_1", {preview(3).model_dump_json()[1:]}')


@pytest.fixture(autouse=True)
def _no_pause_before_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq._core.retries.BACKOFF_BASE", 0.0)


@pytest.fixture
def never(server: FakeService) -> Iterator[threading.Event]:
    """Set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def stream(*events: tuple[str, object], until: threading.Event | None = None) -> FakeResponse:
    def wait() -> Iterator[bytes]:
        if until:
            until.wait(60)
        yield b""

    body = b"".join(
        format_tenant_event(name, data if isinstance(data, str) else data.model_dump_json()) for name, data in events
    )
    return FakeResponse(200, b"retry: 0\n\n: comment\n\n" + body, {"Content-Type": "text/event-stream"}, wait)


EVERYTHING = (
    ("ready", "{}"),
    ("job", RUNNING),
    ("novelty", "{}"),
    ("gone", DeletedJob(id="job_3")),
    ("places", QueuePlaces(data=(PLACE,))),
    ("service", LOAD),
    ("preview", PREVIEW),
)

TYPED = [
    TenantEvent("ready"),
    TenantEvent("job", "job_1", RUNNING),
    TenantEvent("gone", "job_3"),
    TenantEvent("places", places=(PLACE,)),
    TenantEvent("service", stats=LOAD),
    TenantEvent("preview", "job_1", preview=PREVIEW),
]


def test_events_come_typed(server: FakeService, client: Client, never: threading.Event) -> None:
    server.on("GET", "/v1/events?previews=job_1%2Cjob_2", stream(*EVERYTHING, until=never))
    events = client.events(previews=["job_1", "job_2"])
    assert [next(events) for _ in TYPED] == TYPED
    events.close()
    [request] = server.received
    assert request.headers["Authorization"] == "Bearer rq_secret"


def test_a_stream_that_breaks_off_begins_again(server: FakeService, client: Client, never: threading.Event) -> None:
    refused = problem("too_many_streams", retry_after=0)
    streams = [stream(*EVERYTHING[:2]), DROPPED, refused, stream(*EVERYTHING[:2], until=never)]
    server.on("GET", "/v1/events", *streams)
    events = client.events()
    assert [next(events).name for _ in range(4)] == ["ready", "job", "ready", "job"]
    events.close()
    assert [request.headers.get("Last-Event-ID") for request in server.received] == [None] * 4


async def test_the_async_client_does_the_same(server: FakeService, never: threading.Event) -> None:
    server.on("GET", "/v1/events?previews=job_1", stream(*EVERYTHING[:1]), stream(*EVERYTHING, until=never))
    async with AsyncClient(server.url) as client:
        events = client.events(previews=["job_1"])
        assert [await anext(events) for _ in range(7)] == [TYPED[0], *TYPED]
        await events.aclose()


def test_the_timeout_ends_it(server: FakeService, client: Client, never: threading.Event) -> None:
    server.on("GET", "/v1/events", stream(*EVERYTHING[:2], until=never))
    assert [event.name for event in client.events(timeout=0.3)] == ["ready", "job"]


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (FakeResponse(200, b"<html>", {"Content-Type": "text/html"}), UnexpectedResponse),
        (stream(("job", "{}")), UnexpectedResponse),
        (problem("unauthorized"), Unauthorized),
    ],
)
def test_what_is_no_such_stream_is_an_error(
    server: FakeService, client: Client, response: FakeResponse, error: type[Exception]
) -> None:
    server.on("GET", "/v1/events", response)
    with pytest.raises(error):
        next(client.events())


def test_ids_are_text(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="previews"):
        next(client.events(previews=[7]))  # pyright: ignore[reportArgumentType]


def test_an_error_of_the_caller_is_not_one_of_the_stream(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job()))
    server.script(JobScript(seconds=0.2))
    handle = client.submit("x")

    def fail(_: object) -> None:
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        handle.wait(on_progress=fail)


def test_the_fake_service_streams_its_jobs(server: FakeService, client: Client) -> None:
    events = client.events()
    assert next(events).name == "ready"
    handle = client.submit("x")
    handle.wait()
    while (event := next(events)).job is None or not event.job.status.is_terminal:
        pass
    assert event.job == handle.job
    handle.delete()
    while (event := next(events)).name != "gone":
        pass
    assert event.job_id == handle.id
    events.close()


def test_the_command_prints_a_line_for_what_reads_differently(
    server: FakeService,
    never: threading.Event,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    paused = PLACE.model_copy(update={"wait_reason": "paused"})
    later = PLACE.model_copy(update={"eta_seconds": None})
    more = (("places", QueuePlaces(data=(later,))), ("service", LOAD), ("places", QueuePlaces(data=(paused,))))
    server.on("GET", "/v1/events", stream(*EVERYTHING, *more, until=never))
    assert main(["events", "--timeout", "0.3"]) == 0
    assert [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "job_1                           running",
        "job_3                           deleted",
        "job_2                           queued: 3 ahead",
        "service                         4 queued, 1 running, 2 workers",
        "job_2                           queued: paused by the operator",
    ]
    assert main(["events", "--timeout", "0.3", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == {"event": "ready"}
    assert printed[2] == {"event": "gone", "id": "job_3"}
    assert printed[3]["places"][0]["queue_position"] == 3
