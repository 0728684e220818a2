"""`GET /v1/jobs/{id}/events`: every change of a job as a server-sent event."""

import contextlib
import json
import resource
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import redis

from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.signatures import without_signatures
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey

Event = httpx2.ServerSentEvent


@contextlib.contextmanager
def event_stream(http: httpx2.Client, job_id: str, since: str | None = None) -> Iterator[Iterator[Event]]:
    """Yield a job's events as they arrive, parsed by an independent parser."""
    headers = {} if since is None else {"Last-Event-ID": since}
    with http.sse(f"/v1/jobs/{job_id}/events", headers=headers) as source:
        assert source.response.status_code == 200
        yield (event for event in source if event.data)


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def watched(api: RunningApi, job_id: str) -> int:
    return api.server.config.app.state.services.job_watchers.watcher_count(job_id)


def body(event: Event) -> dict[str, Any]:
    data = json.loads(event.data)
    assert event.id == str(data["version"])
    return data


def summary(event: Event) -> tuple[str, str, int]:
    data = body(event)
    return event.event, data["status"], data["version"]


def test_a_job_from_its_queue_to_its_end(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, n=2)
    with event_stream(http, job_id) as events:
        assert summary(next(events)) == ("status", "queued", 1)
        record = worker.claim()
        assert summary(next(events)) == ("status", "running", 2)
        worker.report(record, "denoising", 1, 40)
        assert summary(next(events)) == ("status", "running", 3)
        worker.report(record, "denoising", 2, 40)
        progress = next(events)
        assert summary(progress) == ("progress", "running", 4)
        assert body(progress)["progress"]["step"] == 2
        worker.finish(record)
        output, done = events
        assert summary(output) == ("output", "succeeded", 5)
        assert len(body(output)["outputs"]) == 2
        assert summary(done) == ("done", "succeeded", 5)
        assert without_signatures(body(done)) == without_signatures(body(output))


def test_an_event_holds_what_get_shows(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, metadata={"order": "A-17\r\n\u2028"})
    with event_stream(http, job_id) as events:
        assert body(next(events)) == http.get(f"/v1/jobs/{job_id}").json()
        worker.fail(worker.claim())
        *_, done = events
    job = http.get(f"/v1/jobs/{job_id}").json()
    assert body(done) == job
    assert job["urls"]["events"] == f"{http.base_url}/v1/jobs/{job_id}/events"


def test_headers_and_first_bytes(http: httpx2.Client) -> None:
    with http.stream("GET", f"/v1/jobs/{submit(http)}/events") as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-request-id"]
        assert "content-encoding" not in response.headers
        assert next(response.iter_lines()) == "retry: 2000"


def test_an_ended_job_is_one_event_and_done(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    with event_stream(http, job_id) as events:
        assert [summary(event) for event in events] == [("status", "canceled", 2), ("done", "canceled", 2)]
    with event_stream(http, job_id, since="2") as events:
        assert [summary(event) for event in events] == [("done", "canceled", 2)]


def test_a_reconnected_client_gets_only_newer_versions(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    record = worker.claim()
    with event_stream(http, job_id, since="1") as events:
        assert summary(next(events)) == ("status", "running", 2)
    with event_stream(http, job_id, since="2") as events:
        worker.report(record, "denoising", 1, 20)
        assert summary(next(events)) == ("status", "running", 3)
        worker.report(record, "denoising", 2, 20)
        assert summary(next(events)) == ("progress", "running", 4)


def test_a_version_that_the_job_never_had_counts_for_nothing(http: httpx2.Client) -> None:
    """After a loss of data, a job's version may be lower than the one that a client has seen."""
    with event_stream(http, submit(http), since="99") as events:
        assert summary(next(events)) == ("status", "queued", 1)


def test_an_empty_id_is_none(http: httpx2.Client) -> None:
    with event_stream(http, submit(http), since="") as events:
        assert summary(next(events)) == ("status", "queued", 1)


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 16])
def test_an_id_that_no_event_has_is_refused(http: httpx2.Client, since: str) -> None:
    response = http.get(f"/v1/jobs/{submit(http)}/events", headers={"Last-Event-ID": since})
    assert "Last-Event-ID" in problem(response, "invalid_request")["detail"]


@pytest.mark.parametrize("job_id", ["job_01m8563bxs7b4s8yve7cdp6k2z", "nonsense"])
def test_an_unknown_job_has_no_stream(api: RunningApi, http: httpx2.Client, job_id: str) -> None:
    problem(http.get(f"/v1/jobs/{job_id}/events"), "not_found")
    assert not watched(api, job_id)


def test_a_job_that_comes_back_into_the_queue_shows_its_place(
    http: httpx2.Client, worker: Worker, redis_url: str
) -> None:
    job_id = submit(http)
    with redis.Redis.from_url(redis_url) as client:
        wait_until(lambda: client.exists("rq:swept"))  # the first sweep extends every lease
    with event_stream(http, job_id) as events:
        assert body(next(events))["queue_position"] == 0
        worker.claim(lease_ms=1)
        assert summary(next(events))[:2] == ("status", "running")
        again = next(events)
        assert summary(again)[:2] == ("status", "queued")
        assert body(again)["queue_position"] == 0


def test_client_that_hangs_up_is_dropped(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with event_stream(http, job_id) as events:
        next(events)
        assert watched(api, job_id) == 1
    wait_until(lambda: not watched(api, job_id))


def test_silence_is_broken_by_comments(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    with http.stream("GET", f"/v1/jobs/{submit(http)}/events") as response:
        lines = (line for line in response.iter_lines() if line.startswith(":"))
        assert [next(lines) for _ in range(3)] == [": heartbeat"] * 3


def test_a_change_without_a_message_is_found_at_the_heartbeat(
    http: httpx2.Client, worker: Worker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    before, job_id = submit(http), submit(http)
    with event_stream(http, job_id) as events, redis.Redis.from_url(redis_url) as client:
        assert body(next(events))["queue_position"] == 1
        http.post(f"/v1/jobs/{before}/cancel")
        moved = next(events)
        assert summary(moved) == ("status", "queued", 1)
        assert body(moved)["queue_position"] == 0
        client.hset(f"rq:job:{job_id}", mapping={"version": 2, "progress_json": "{}"})
        assert summary(next(events)) == ("progress", "queued", 2)


def test_change_that_the_subscription_missed_is_found_when_it_is_back(
    http: httpx2.Client, worker: Worker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 3600.0)
    job_id = submit(http)
    record = worker.claim()
    with event_stream(http, job_id) as events, redis.Redis.from_url(redis_url) as client:
        next(events)
        wait_until(lambda: client.pubsub_numsub("rq:changes")[0][1])
        with client.pipeline() as both:  # nothing can subscribe between the two
            both.client_kill_filter(_type="pubsub")
            both.execute_command("CLIENT", "PAUSE", 100, "ALL")
            both.execute()
        worker.fail(record)
        assert [summary(event)[:2] for event in events] == [("status", "failed"), ("done", "failed")]


def test_stream_survives_an_outage(http: httpx2.Client, worker: Worker, valkey: Valkey) -> None:
    job_id = submit(http)
    record = worker.claim()
    with event_stream(http, job_id) as events:
        next(events)
        valkey.restart()
        worker.finish(record)
        assert [event.event for event in events] == ["output", "done"]


def test_shutdown_ends_streams(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        with event_stream(http, submit(http)) as events:
            next(events)
            stopping = threading.Thread(target=api.stop)
            stopping.start()
            assert list(events) == []
        stopping.join()


def test_a_client_that_takes_nothing_gets_the_newest_in_the_end(
    api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    """Versions that do not fit into the socket are dropped: of thousands, a few arrive, including the last."""
    job_id = submit(http, metadata={str(n): "x" * 500 for n in range(16)})
    record = worker.claim()
    versions = 1_500
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(30)
        connection.connect((http.base_url.host, http.base_url.port))
        connection.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: watched(api, job_id))
        for step in range(versions):
            worker.report(record, "denoising", step, versions)
        worker.fail(record)
        text = b""
        while b"event: done" not in text:
            text += connection.recv(1 << 20)
    ids = [int(line[4:]) for line in text.split(b"\n") if line.startswith(b"id: ")]
    assert ids == sorted(set(ids))
    assert len(ids) < versions / 2


def test_idle_streams_cost_no_redis_connection(api: RunningApi, http: httpx2.Client, redis_url: str) -> None:
    """Uses real sockets, at most 2,000 or half the limit of open files, as both ends are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(5_000, hard) if soft != resource.RLIM_INFINITY else soft, hard))
    streams = min(2_000, (min(5_000, hard) - 200) // 2)
    assert streams >= 500
    job_id = submit(http)
    path = f"/v1/jobs/{job_id}/events"
    with contextlib.ExitStack() as stack, redis.Redis.from_url(redis_url) as client:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        opened: list[socket.socket] = []
        while len(opened) < streams:
            batch: list[socket.socket] = []
            # In batches: many simultaneous connections are another test's subject.
            for query in ["", "?previews=true"] * 25:
                connection = socket.create_connection((http.base_url.host, http.base_url.port), timeout=60)
                batch.append(stack.enter_context(connection))
                connection.sendall(f"GET {path}{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            # On a busy machine Redis may exceed the service's timeout.
            opened += [each for each in batch if each.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"]
        assert watched(api, job_id) == len(opened)
        many = client.client_list()
        assert len(many) < 100  # the pool has at most 64, plus a few others
        assert sum(one["sub"] != "0" for one in many) == 1
        http.post(f"/v1/jobs/{job_id}/cancel")
        for connection in opened:
            text = b""
            while b"event: done" not in text:
                text += connection.recv(1 << 16)
