"""`GET /v1/jobs/{id}/events?previews=true`: previews of images during rendering."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import redis

from renderq_shared.jobs import JobRecord, PreviewChannels
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey

Event = httpx2.ServerSentEvent


@contextlib.contextmanager
def preview_stream(http: httpx2.Client, job_id: str, query: str = "?previews=true") -> Iterator[Iterator[Event]]:
    """Yield a job's events after the first one, as they arrive."""
    with http.sse(f"/v1/jobs/{job_id}/events{query}") as source:
        assert source.response.status_code == 200
        events = (event for event in source if event.data)
        assert next(events).event == "status"
        yield events


@pytest.fixture
def job(http: httpx2.Client, worker: Worker) -> JobRecord:
    http.post("/v1/jobs", json={"prompt": "x", "n": 2})
    return worker.claim()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def index_and_step(event: Event) -> tuple[int, int]:
    """Return index and step of a preview event."""
    assert event.event == "preview"
    data: dict[str, Any] = json.loads(event.data)
    assert data.keys() == {"index", "step", "steps", "content_type", "width", "height", "data"}
    return data["index"], data["step"]


def test_previews_arrive_between_changes_on_request(http: httpx2.Client, worker: Worker, job: JobRecord) -> None:
    with preview_stream(http, job.id) as events:
        wait_until(lambda: worker.has_preview_viewers(job))
        assert worker.preview(job, 1)
        assert index_and_step(next(events)) == (0, 1)
        worker.report(job, "denoising", 2, 40)
        assert next(events).event == "status"
        worker.preview(job, 2, index=1)
        assert index_and_step(next(events)) == (1, 2)
        worker.finish(job)
        assert not worker.preview(job, 3)
        assert [event.event for event in events] == ["output", "done"]


@pytest.mark.parametrize("query", ["", "?previews=false"])
def test_who_does_not_want_them_has_none_made(
    http: httpx2.Client, worker: Worker, job: JobRecord, query: str, client: redis.Redis
) -> None:
    with preview_stream(http, job.id, query) as events:
        worker.report(job, "denoising", 1, 40)
        assert next(events).event == "status"
        assert not worker.has_preview_viewers(job)
        client.publish(f"rq:previews:{job.id}", '{"index": 0}')
        worker.fail(job)
        assert [event.event for event in events] == ["status", "done"]


def test_a_preview_is_no_version(http: httpx2.Client, worker: Worker, job: JobRecord) -> None:
    """A browser that reconnects sends the last version it received, regardless of previews since then."""
    with http.stream("GET", f"/v1/jobs/{job.id}/events?previews=true", headers={"Last-Event-ID": "2"}) as response:
        wait_until(lambda: worker.has_preview_viewers(job))
        worker.preview(job, 1)
        lines = response.iter_lines()
        assert next(lines).startswith("retry: ")
        assert next(lines) == ""
        assert next(lines) == "event: preview"
        assert next(lines).startswith("data: {")
        assert next(lines) == ""


@pytest.mark.parametrize("query", ["previews", "previews=1", "previews=true&previews=true", "previews=true&x", "x=1"])
def test_other_parameters_are_refused(http: httpx2.Client, job: JobRecord, query: str) -> None:
    response = http.get(f"/v1/jobs/{job.id}/events?{query}")
    assert "previews=true" in problem(response, "invalid_request")["detail"]


def test_only_jobs_that_can_be_seen_and_go_on_are_watched(
    http: httpx2.Client, worker: Worker, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[str] = []
    monkeypatch.setattr(PreviewChannels, "subscribe", lambda _, job_id: watched.append(job_id))
    worker.fail(job)
    for job_id in (job.id, "job_01m8563bxs7b4s8yve7cdp6k2z", "x"):
        http.get(f"/v1/jobs/{job_id}/events?previews=true")
    assert watched == []


def test_previews_are_wanted_until_the_last_viewer_of_all_services_leaves(
    http: httpx2.Client, worker: Worker, job: JobRecord, settings_for: SettingsFor
) -> None:
    with RunningApi(settings_for()) as other, other.client() as theirs:
        with preview_stream(http, job.id), preview_stream(http, job.id) as ours:
            with preview_stream(theirs, job.id) as others:
                wait_until(lambda: worker._store._client.pubsub_numsub(f"rq:previews:{job.id}")[0][1] == 2)
                worker.preview(job, 1)
                assert index_and_step(next(ours)) == index_and_step(next(others)) == (0, 1)
            wait_until(lambda: worker._store._client.pubsub_numsub(f"rq:previews:{job.id}")[0][1] == 1)
            worker.preview(job, 2)
            assert index_and_step(next(ours)) == (0, 2)
        wait_until(lambda: not worker.has_preview_viewers(job))


@pytest.mark.parametrize("outage", ["connection", "server"])
def test_previews_come_again_when_the_subscription_is_back(
    http: httpx2.Client, worker: Worker, job: JobRecord, client: redis.Redis, valkey: Valkey, outage: str
) -> None:
    with preview_stream(http, job.id) as events:
        wait_until(lambda: worker.has_preview_viewers(job))
        if outage == "connection":
            client.client_kill_filter(_type="pubsub")
        else:
            valkey.restart()
        received: list[Event] = []
        reader = threading.Thread(target=lambda: received.append(next(events)))
        reader.start()
        # Redis may still count a dropped connection, whose previews are lost; so publish repeatedly, as workers do.
        wait_until(lambda: worker.preview(job, 7) and received)
        reader.join()
        assert index_and_step(received[0]) == (0, 7)


def test_many_jobs_share_one_connection(http: httpx2.Client, worker: Worker, client: redis.Redis) -> None:
    ids = [http.post("/v1/jobs", json={"prompt": "x"}).json()["id"] for _ in range(30)]
    with contextlib.ExitStack() as stack:
        streams = {job_id: stack.enter_context(preview_stream(http, job_id)) for job_id in ids}
        wait_until(lambda: len(client.pubsub_channels("rq:previews:*")) == 30)
        assert sum(each["sub"] != "0" for each in client.client_list(_type="pubsub")) == 1
        for step in range(30):
            worker.preview(record := worker.claim(), step)
            assert index_and_step(next(event for event in streams[record.id] if event.event == "preview")) == (0, step)
    wait_until(lambda: not client.pubsub_channels("rq:previews:*"))


@contextlib.contextmanager
def stalled_stream(http: httpx2.Client, job_id: str) -> Iterator[socket.socket]:
    """Open a stream with a small receive buffer and do not read from it."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(30)
        connection.connect((http.base_url.host, http.base_url.port))
        request = f"GET /v1/jobs/{job_id}/events?previews=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request.encode())
        yield connection


def test_a_slow_reader_gets_the_newest_of_each_image_and_nothing_holds_up_the_end(
    http: httpx2.Client, worker: Worker, job: JobRecord
) -> None:
    previews = 200
    with stalled_stream(http, job.id) as connection:
        wait_until(lambda: worker.has_preview_viewers(job))
        for step in range(previews):
            worker.preview(job, step, index=step % 2, size=30_000)
        text = b""
        while not all(f'"step":{step},'.encode() in text for step in (previews - 2, previews - 1)):
            text += connection.recv(1 << 20)
        for step in range(previews, previews + 10):
            worker.preview(job, step, index=step % 2, size=30_000)
        worker.fail(job)
        while b"event: done" not in text:
            text += connection.recv(1 << 20)
    events = re.findall(r'event: (\w+)\ndata: {(?:"index":(\d+),"step":(\d+),)?', text.decode())
    received = [(int(index), int(step)) for name, index, step in events if name == "preview"]
    assert len(received) < previews
    for index in (0, 1):
        steps = [step for each, step in received if each == index]
        assert steps == sorted(set(steps))
    assert [name for name, *_ in events[-2:]] == ["status", "done"]
