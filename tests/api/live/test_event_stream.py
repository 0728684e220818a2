"""`GET /v1/jobs/{id}/events`: every news of a job as server-sent events."""

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
from tests.api.running_api import RunningApi, wait_until
from tests.api.worker import Worker
from tests.valkey_server import Valkey

Event = httpx2.ServerSentEvent


@contextlib.contextmanager
def following(http: httpx2.Client, job_id: str, since: str | None = None) -> Iterator[Iterator[Event]]:
    """The events of a job, each as soon as it is there, read by somebody else's parser."""
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


def told(event: Event) -> tuple[str, str, int]:
    data = body(event)
    return event.event, data["status"], data["version"]


def test_a_job_from_its_queue_to_its_end(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, n=2)
    with following(http, job_id) as events:
        assert told(next(events)) == ("status", "queued", 1)
        record = worker.claim()
        assert told(next(events)) == ("status", "running", 2)
        worker.report(record, "denoising", 1, 40)
        assert told(next(events)) == ("status", "running", 3)
        worker.report(record, "denoising", 2, 40)
        progress = next(events)
        assert told(progress) == ("progress", "running", 4)
        assert body(progress)["progress"]["step"] == 2
        worker.finish(record)
        output, done = events
        assert told(output) == ("output", "succeeded", 5)
        assert len(body(output)["outputs"]) == 2
        assert (told(done), done.data) == (("done", "succeeded", 5), output.data)


def test_an_event_holds_what_get_shows(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, metadata={"order": "A-17\r\n\u2028"})
    with following(http, job_id) as events:
        assert body(next(events)) == http.get(f"/v1/jobs/{job_id}").json()
        worker.fail(worker.claim())
        *_, done = events
    shown = http.get(f"/v1/jobs/{job_id}").json()
    assert body(done) == shown
    assert shown["urls"]["events"] == f"{http.base_url}/v1/jobs/{job_id}/events"


def test_headers_and_first_bytes(http: httpx2.Client) -> None:
    with http.stream("GET", f"/v1/jobs/{submit(http)}/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["x-request-id"]
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_lines()) == "retry: 2000"


def test_a_job_that_has_ended_is_told_and_done(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    with following(http, job_id) as events:
        assert [told(event) for event in events] == [("status", "canceled", 2), ("done", "canceled", 2)]
    with following(http, job_id, since="2") as events:
        assert [told(event) for event in events] == [("done", "canceled", 2)]


def test_who_comes_back_is_told_only_what_is_newer(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    record = worker.claim()
    with following(http, job_id, since="1") as events:
        assert told(next(events)) == ("status", "running", 2)
    with following(http, job_id, since="2") as events:
        worker.report(record, "denoising", 1, 20)
        assert told(next(events)) == ("status", "running", 3)
        worker.report(record, "denoising", 2, 20)
        assert told(next(events)) == ("progress", "running", 4)


def test_a_version_that_the_job_never_had_counts_for_nothing(http: httpx2.Client) -> None:
    """After the loss of data a job may be younger than what a client has seen of it."""
    with following(http, submit(http), since="99") as events:
        assert told(next(events)) == ("status", "queued", 1)


@pytest.mark.parametrize("since", ["", "x", "-1", "1.5", "9" * 16])
def test_an_id_that_no_event_has_is_refused(http: httpx2.Client, since: str) -> None:
    answer = http.get(f"/v1/jobs/{submit(http)}/events", headers={"Last-Event-ID": since})
    assert "Last-Event-ID" in problem(answer, "invalid_request")["detail"]


@pytest.mark.parametrize("job_id", ["job_01m8563bxs7b4s8yve7cdp6k2z", "nonsense"])
def test_an_unknown_job_has_no_stream(api: RunningApi, http: httpx2.Client, job_id: str) -> None:
    problem(http.get(f"/v1/jobs/{job_id}/events"), "not_found")
    assert not watched(api, job_id)


def test_a_job_that_comes_back_into_the_queue_shows_its_place(
    http: httpx2.Client, worker: Worker, redis_url: str
) -> None:
    job_id = submit(http)
    with redis.Redis.from_url(redis_url) as client:
        wait_until(lambda: client.exists("rq:swept"))  # the first sweep gives every lease its full time
    with following(http, job_id) as events:
        assert body(next(events))["queue_position"] == 0
        worker.claim(lease_ms=1)
        assert told(next(events))[:2] == ("status", "running")
        again = next(events)
        assert told(again)[:2] == ("status", "queued")
        assert body(again)["queue_position"] == 0


def test_client_that_hangs_up_is_dropped(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with following(http, job_id) as events:
        next(events)
        assert watched(api, job_id) == 1
    wait_until(lambda: not watched(api, job_id))


def test_silence_is_broken_by_comments(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    with http.stream("GET", f"/v1/jobs/{submit(http)}/events") as answer:
        lines = (line for line in answer.iter_lines() if line.startswith(":"))
        assert [next(lines) for _ in range(3)] == [": heartbeat"] * 3


def test_what_no_message_told_is_found_at_the_heartbeat(
    http: httpx2.Client, worker: Worker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    before, job_id = submit(http), submit(http)
    with following(http, job_id) as events, redis.Redis.from_url(redis_url) as client:
        assert body(next(events))["queue_position"] == 1
        http.post(f"/v1/jobs/{before}/cancel")
        moved = next(events)
        assert told(moved) == ("status", "queued", 1)
        assert body(moved)["queue_position"] == 0
        client.hset(f"rq:job:{job_id}", mapping={"version": 2, "progress_json": "{}"})
        assert told(next(events)) == ("progress", "queued", 2)


def test_change_that_the_subscription_missed_is_found_when_it_is_back(
    http: httpx2.Client, worker: Worker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 3600.0)
    job_id = submit(http)
    record = worker.claim()
    with following(http, job_id) as events, redis.Redis.from_url(redis_url) as client:
        next(events)
        wait_until(lambda: client.pubsub_numsub("rq:changes")[0][1])
        with client.pipeline() as both:  # nothing can subscribe between the two
            both.client_kill_filter(_type="pubsub")
            both.execute_command("CLIENT", "PAUSE", 100, "ALL")
            both.execute()
        worker.fail(record)
        assert [told(event)[:2] for event in events] == [("status", "failed"), ("done", "failed")]


def test_stream_survives_an_outage(http: httpx2.Client, worker: Worker, valkey: Valkey) -> None:
    job_id = submit(http)
    record = worker.claim()
    with following(http, job_id) as events:
        next(events)
        valkey.restart()
        worker.finish(record)
        assert [event.event for event in events] == ["output", "done"]


def test_shutdown_ends_streams(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        with following(http, submit(http)) as events:
            next(events)
            stopping = threading.Thread(target=api.stop)
            stopping.start()
            assert list(events) == []
        stopping.join()


def test_a_client_that_takes_nothing_gets_the_newest_in_the_end(
    api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    """What does not fit into the socket is not kept: of thousands of versions a few come, and the last."""
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
    """Real sockets, as many as files may be open (both of their ends are ours), at most 2,000."""
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
            asked: list[socket.socket] = []
            for query in ["", "?previews=true"] * 25:  # a few at a time: a crowd at the door is another test's matter
                connection = socket.create_connection((http.base_url.host, http.base_url.port), timeout=60)
                asked.append(stack.enter_context(connection))
                connection.sendall(f"GET {path}{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            # On a busy machine Redis may take longer than the service has patience for.
            opened += [each for each in asked if each.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"]
        assert watched(api, job_id) == len(opened)
        many = client.client_list()
        assert len(many) < 100  # the pool, at most 64, and a few of others
        assert sum(one["sub"] != "0" for one in many) == 1
        http.post(f"/v1/jobs/{job_id}/cancel")
        for connection in opened:
            text = b""
            while b"event: done" not in text:
                text += connection.recv(1 << 16)
