"""`GET /v1/events` with keys: each tenant sees its own jobs, and a revoked key ends the stream."""

import json
from collections.abc import Iterable, Iterator

import httpx2
import pytest

from renderq_shared.access import KeyStore, Role
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


@pytest.fixture(autouse=True)
def _short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_watchers.INTERVAL_S", 0.05)


def submit(http: httpx2.Client) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]


def about_jobs(events: Iterable[httpx2.ServerSentEvent]) -> Iterator[tuple[str, str]]:
    """Yield the names of events about jobs, and the jobs."""
    for event in events:
        if event.event in {"job", "gone", "preview"}:
            found = json.loads(event.data)
            yield event.event, found.get("job") or found["id"]
        elif event.event == "places":
            yield from (("place", place["id"]) for place in json.loads(event.data)["data"])


def test_other_tenants_jobs_are_in_no_event(client_of: ClientOf, store: RedisJobStore, keyed_api: RunningApi) -> None:
    ada, bob = client_of("ada"), client_of("bob", role=Role.ADMIN)
    theirs = submit(ada)
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.register()
    running = worker.claim()
    with bob.sse(f"/v1/events?previews={theirs}") as source:
        events = (event for event in source if event.data)
        assert next(events).event == "ready"
        assert not worker.has_preview_viewers(running)
        worker.finish(running)
        ada.delete(f"/v1/jobs/{theirs}")
        submit(ada)
        own = submit(bob)
        seen = about_jobs(events)
        assert {next(seen), next(seen)} == {("job", own), ("place", own)}


def test_the_job_of_an_event_carries_no_token(client_of: ClientOf) -> None:
    ada = client_of("ada")
    with ada.sse("/v1/events") as source:
        job_id = submit(ada)
        job = next(json.loads(event.data) for event in source if event.event == "job")
    assert job["urls"]["events"].endswith(f"/v1/jobs/{job_id}/events")


def test_a_revoked_key_ends_the_stream(keys: KeyStore, anonymous: httpx2.Client, keyed_api: RunningApi) -> None:
    text = make_key(keys, "laptop", tenant="ada")
    with anonymous.sse("/v1/events", headers={"Authorization": f"Bearer {text}"}) as source:
        events = iter(source)
        assert next(event for event in events if event.data).event == "ready"
        keys.revoke(text[:13])
        assert {event.event for event in events if event.data} <= {"service"}
    watchers = keyed_api.server.config.app.state.services.tenant_watchers
    wait_until(lambda: not watchers.watcher_count("ada"))
    problem(anonymous.get("/v1/events", headers={"Authorization": f"Bearer {text}"}), "unauthorized")


def test_one_tenants_streams_leave_room_for_others(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_watchers.MAX_STREAMS_PER_TENANT", 1)
    ada, bob = client_of("ada"), client_of("bob")
    with ada.sse("/v1/events") as source:
        events = iter(source)  # the stream ends with the last reference to it
        next(events)
        problem(ada.get("/v1/events"), "too_many_streams")
        with bob.sse("/v1/events") as other:
            assert other.response.status_code == 200
