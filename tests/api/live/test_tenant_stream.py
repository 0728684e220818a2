"""`GET /v1/events`: all jobs of a tenant, their places, and the load of the service, in one stream."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from renderq.contract import QueuePlace
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import NO_JOB, problem
from tests.api.running_api import RunningApi
from tests.api.signatures import without_signatures
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey

Event = httpx2.ServerSentEvent


@pytest.fixture(autouse=True)
def _short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_watchers.INTERVAL_S", 0.05)


@contextlib.contextmanager
def tenant_stream(http: httpx2.Client, query: str = "") -> Iterator[Iterator[Event]]:
    """Yield the events as they arrive, parsed by an independent parser."""
    with http.sse(f"/v1/events{query}") as source:
        assert source.response.status_code == 200
        yield (event for event in source if event.data)


def data(event: Event) -> dict[str, Any]:
    assert not event.id
    return json.loads(event.data)


def next_of(events: Iterator[Event], name: str, matches: Callable[[Any], Any] = lambda found: True) -> dict[str, Any]:
    """Return the data of the next event of this name that matches."""
    return next(found for event in events if event.event == name and matches(found := data(event)))


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def streams(api: RunningApi) -> int:
    return api.server.config.app.state.services.tenant_watchers.watcher_count("default")


def test_a_job_is_seen_from_its_submission_to_its_deletion(http: httpx2.Client, worker: Worker) -> None:
    with tenant_stream(http) as events:
        assert next(events).event == "ready"
        job_id = submit(http, n=2)
        assert next_of(events, "job")["status"] == "queued"
        record = worker.claim()
        assert next_of(events, "job")["status"] == "running"
        worker.report(record, "denoising", 1, 40)
        assert next_of(events, "job")["progress"]["step"] == 1
        worker.finish(record)
        job = next_of(events, "job")
        assert without_signatures(job) == without_signatures(http.get(f"/v1/jobs/{job_id}").json())
        assert len(job["outputs"]) == 2
        http.delete(f"/v1/jobs/{job_id}")
        assert next_of(events, "gone") == {"id": job_id}


def test_a_job_that_leaves_redis_is_not_gone(settings_for: SettingsFor, store: RedisJobStore) -> None:
    """It moves into the history; later changes and its deletion are seen all the same."""
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0)
    with RunningApi(settings) as api, api.client() as http, tenant_stream(http) as events:
        assert next(events).event == "ready"
        job_id = submit(http)
        http.post(f"/v1/jobs/{job_id}/cancel")
        wait_until(lambda: store.call(commands.get_job("default", job_id)) is None)
        http.patch(f"/v1/jobs/{job_id}", json={"kept": True})
        http.delete(f"/v1/jobs/{job_id}")
        after = submit(http)
        seen = []
        for event in events:
            if event.event in {"job", "gone"}:
                seen.append((event.event, data(event)["id"], data(event).get("kept")))
            if seen and seen[-1][1] == after:
                break
    assert seen[-3:] == [("job", job_id, True), ("gone", job_id, None), ("job", after, False)]
    assert [name for name, _, _ in seen].count("gone") == 1


def test_what_retention_deletes_is_gone(settings_for: SettingsFor) -> None:
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0, output_retention_seconds=1, job_retention_seconds=1)
    with RunningApi(settings) as api, api.client() as http, tenant_stream(http) as events:
        job_id = submit(http)
        http.post(f"/v1/jobs/{job_id}/cancel")
        assert next_of(events, "gone") == {"id": job_id}


def test_only_places_that_change_are_sent(http: httpx2.Client, worker: Worker) -> None:
    first, second, third = submit(http), submit(http), submit(http, priority=1)
    with tenant_stream(http) as events:
        places = next_of(events, "places")["data"]
        assert [(place["id"], place["queue_position"], place["wait_reason"]) for place in places] == [
            (third, 0, "queued"),
            (first, 1, "queued"),
            (second, 2, "queued"),
        ]
        http.post(f"/v1/jobs/{first}/cancel")
        (moved,) = next_of(events, "places")["data"]
        assert QueuePlace.model_validate(moved) == QueuePlace(
            id=second, queue_position=1, eta_seconds=None, wait_reason="queued"
        )
        http.patch(f"/v1/jobs/{third}", json={"kept": True})
        assert next_of(events, "job", lambda job: job["kept"])["queue_position"] is None
        (again,) = next_of(events, "places")["data"]
        assert (again["id"], again["queue_position"]) == (third, 0), "a job event has no place, so it is sent again"


def test_places_have_the_estimate_of_the_job(api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    submit(http)
    worker.finish(worker.claim())
    cache = api.server.config.app.state.services.eta_cache
    wait_until(lambda: cache.seconds_per_image("shapes", 1.0))
    job_id = submit(http)
    with tenant_stream(http) as events:
        (place,) = next_of(events, "places", lambda places: places["data"][0]["eta_seconds"])["data"]
        assert place["eta_seconds"] == http.get(f"/v1/jobs/{job_id}").json()["eta_seconds"]


def test_the_load_of_the_service_comes_first_and_when_it_changes(http: httpx2.Client, worker: Worker) -> None:
    with tenant_stream(http) as events:
        # The first one may be a second old, and tell of the test before.
        assert next_of(events, "service", lambda stats: stats == http.get("/v1/stats").json())
        with tenant_stream(http) as others:  # another stream gets what the first one has got already
            assert next_of(others, "service")["workers"] == 1
        submit(http)
        assert next_of(events, "service", lambda stats: stats["queued_jobs"])["models"][0]["queued_jobs"] == 1
        http.post("/v1/models/shapes/pause")
        assert next_of(events, "service", lambda stats: stats["models"][0]["paused"])


def test_previews_of_some_jobs_name_their_job(http: httpx2.Client, worker: Worker) -> None:
    shown, other, ended = submit(http), submit(http), submit(http, priority=-1)
    http.post(f"/v1/jobs/{ended}/cancel")
    with tenant_stream(http, f"?previews={shown},{ended},{NO_JOB}") as events:
        first, second = worker.claim(), worker.claim()
        assert (first.id, second.id) == (shown, other)
        wait_until(lambda: worker.preview(first, 3, size=1_000))
        assert not worker.has_preview_viewers(second)
        preview = next_of(events, "preview")
        assert (preview["job"], preview["index"], preview["step"]) == (shown, 0, 3)
    wait_until(lambda: not worker.has_preview_viewers(first))


@pytest.mark.parametrize("query", ["?previews=x", f"?previews={NO_JOB},", f"?previews={NO_JOB}x", "?x=1"])
def test_a_query_without_meaning_is_refused(api: RunningApi, http: httpx2.Client, query: str) -> None:
    problem(http.get(f"/v1/events{query}"), "invalid_request")
    assert not streams(api)


def test_a_fifth_previewed_job_is_refused(http: httpx2.Client) -> None:
    ids = [f"job_{number}{'0' * 25}" for number in range(5)]
    assert "up to 4" in problem(http.get(f"/v1/events?previews={','.join(ids)}"), "invalid_request")["detail"]


def test_silence_is_broken_by_comments(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_stream.HEARTBEAT_S", 0.2)
    with http.stream("GET", "/v1/events") as response:
        assert response.headers["cache-control"] == "no-store, no-transform"
        lines = response.iter_lines()
        assert next(lines) == "retry: 2000"
        comments = (line for line in lines if line.startswith(":"))
        assert [next(comments) for _ in range(2)] == [": heartbeat"] * 2


def test_after_an_outage_the_list_is_to_be_read_again(http: httpx2.Client, worker: Worker, valkey: Valkey) -> None:
    with tenant_stream(http) as events:
        assert next(events).event == "ready"
        valkey.restart()
        next_of(events, "ready")
        job_id = submit(http)
        assert next_of(events, "job")["id"] == job_id


def test_shutdown_ends_the_stream(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        with tenant_stream(http) as events:
            next(events)
            stopping = threading.Thread(target=api.stop)
            stopping.start()
            assert {event.event for event in events} <= {"service"}
        stopping.join()


def test_a_client_that_hangs_up_is_dropped(api: RunningApi, http: httpx2.Client) -> None:
    with tenant_stream(http) as events:
        next(events)
        wait_until(lambda: streams(api) == 1, "the streams of other tests to end")
    wait_until(lambda: not streams(api))
    assert http.head("/v1/events").status_code == 200
    assert not streams(api)


def test_a_client_that_takes_nothing_gets_the_newest_in_the_end(
    api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    job_id = submit(http, metadata={str(n): "x" * 500 for n in range(16)})
    record = worker.claim()
    versions = 1_000
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(30)
        connection.connect((http.base_url.host, http.base_url.port))
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: streams(api))
        for step in range(versions):
            worker.report(record, "denoising", step, versions)
        last = worker.fail(record).version
        text = b""
        while f'"version":{last},'.encode() not in text:
            text += connection.recv(1 << 20)
    assert text.count(job_id.encode()) < versions * 2
    assert text.count(b"event: job") < versions / 2


def test_streams_beyond_the_limits_are_refused(
    api: RunningApi, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_STREAMS_PER_TENANT", "MAX_STREAMS"):
        with monkeypatch.context() as limits:
            limits.setattr(f"renderq_api.live.tenant_watchers.{name}", 1)
            with tenant_stream(http) as events:
                next(events)
                problem(http.get("/v1/events"), "too_many_streams")
            wait_until(lambda: not streams(api))
            with tenant_stream(http) as events:
                assert next(events).event == "ready"
            wait_until(lambda: not streams(api))
