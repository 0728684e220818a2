"""`GET /v1/jobs/{id}/events?previews=true`: what the images look like while they are made."""

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
from tests.api.running_api import RunningApi, wait_until
from tests.api.worker import Worker
from tests.valkey_server import Valkey

Event = httpx2.ServerSentEvent


@contextlib.contextmanager
def looking(http: httpx2.Client, job_id: str, query: str = "?previews=true") -> Iterator[Iterator[Event]]:
    """A job's events after the first one, each as soon as it is there."""
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


def shown(event: Event) -> tuple[int, int]:
    """Index and step of a preview."""
    assert event.event == "preview"
    data: dict[str, Any] = json.loads(event.data)
    assert data.keys() == {"index", "step", "steps", "content_type", "width", "height", "data"}
    return data["index"], data["step"]


def test_who_wants_previews_gets_them_between_the_news(http: httpx2.Client, worker: Worker, job: JobRecord) -> None:
    with looking(http, job.id) as events:
        wait_until(lambda: worker.previews_wanted(job))
        assert worker.preview(job, 1)
        assert shown(next(events)) == (0, 1)
        worker.report(job, "denoising", 2, 40)
        assert next(events).event == "status"
        worker.preview(job, 2, index=1)
        assert shown(next(events)) == (1, 2)
        worker.finish(job)
        assert not worker.preview(job, 3)
        assert [event.event for event in events] == ["output", "done"]


@pytest.mark.parametrize("query", ["", "?previews=false"])
def test_who_does_not_want_them_has_none_made(
    http: httpx2.Client, worker: Worker, job: JobRecord, query: str, client: redis.Redis
) -> None:
    with looking(http, job.id, query) as events:
        worker.report(job, "denoising", 1, 40)
        assert next(events).event == "status"
        assert not worker.previews_wanted(job)
        client.publish(f"rq:previews:{job.id}", '{"index": 0}')
        worker.fail(job)
        assert [event.event for event in events] == ["status", "done"]


def test_a_preview_is_no_version(http: httpx2.Client, worker: Worker, job: JobRecord) -> None:
    """A browser that connects again says which version it saw last, whatever previews came since."""
    with http.stream("GET", f"/v1/jobs/{job.id}/events?previews=true", headers={"Last-Event-ID": "2"}) as answer:
        wait_until(lambda: worker.previews_wanted(job))
        worker.preview(job, 1)
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        assert next(lines) == ""
        assert next(lines) == "event: preview"
        assert next(lines).startswith("data: {")
        assert next(lines) == ""


@pytest.mark.parametrize("query", ["previews", "previews=1", "previews=true&previews=true", "previews=true&x", "x=1"])
def test_other_parameters_are_refused(http: httpx2.Client, job: JobRecord, query: str) -> None:
    answer = http.get(f"/v1/jobs/{job.id}/events?{query}")
    assert "previews=true" in problem(answer, "invalid_request")["detail"]


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
        with looking(http, job.id), looking(http, job.id) as ours:
            with looking(theirs, job.id) as others:
                wait_until(lambda: worker._store._client.pubsub_numsub(f"rq:previews:{job.id}")[0][1] == 2)
                worker.preview(job, 1)
                assert shown(next(ours)) == shown(next(others)) == (0, 1)
            wait_until(lambda: worker._store._client.pubsub_numsub(f"rq:previews:{job.id}")[0][1] == 1)
            worker.preview(job, 2)
            assert shown(next(ours)) == (0, 2)
        wait_until(lambda: not worker.previews_wanted(job))


@pytest.mark.parametrize("outage", ["connection", "server"])
def test_previews_come_again_when_the_subscription_is_back(
    http: httpx2.Client, worker: Worker, job: JobRecord, client: redis.Redis, valkey: Valkey, outage: str
) -> None:
    with looking(http, job.id) as events:
        wait_until(lambda: worker.previews_wanted(job))
        if outage == "connection":
            client.client_kill_filter(_type="pubsub")
        else:
            valkey.restart()
        seen: list[Event] = []
        reader = threading.Thread(target=lambda: seen.append(next(events)))
        reader.start()
        # Redis may count a connection that is given up at once, and what is shown to it is lost: workers go on, too.
        wait_until(lambda: worker.preview(job, 7) and seen)
        reader.join()
        assert shown(seen[0]) == (0, 7)


def test_many_jobs_share_one_connection(http: httpx2.Client, worker: Worker, client: redis.Redis) -> None:
    ids = [http.post("/v1/jobs", json={"prompt": "x"}).json()["id"] for _ in range(30)]
    with contextlib.ExitStack() as stack:
        streams = {job_id: stack.enter_context(looking(http, job_id)) for job_id in ids}
        wait_until(lambda: len(client.pubsub_channels("rq:previews:*")) == 30)
        assert sum(each["sub"] != "0" for each in client.client_list(_type="pubsub")) == 1
        for step in range(30):
            worker.preview(record := worker.claim(), step)
            assert shown(next(event for event in streams[record.id] if event.event == "preview")) == (0, step)
    wait_until(lambda: not client.pubsub_channels("rq:previews:*"))


@contextlib.contextmanager
def taking_nothing(http: httpx2.Client, job_id: str) -> Iterator[socket.socket]:
    """A stream whose reader has a small buffer and does not read."""
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
    with taking_nothing(http, job.id) as connection:
        wait_until(lambda: worker.previews_wanted(job))
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
    seen = [(int(index), int(step)) for name, index, step in events if name == "preview"]
    assert len(seen) < previews
    for index in (0, 1):
        steps = [step for each, step in seen if each == index]
        assert steps == sorted(set(steps))
    assert [name for name, *_ in events[-2:]] == ["status", "done"]
