"""Usage by tenant and day, and failures for the admin, over HTTP, the client and the command line."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest

from renderq import Client
from renderq.cli import main
from renderq_shared.access import KeyStore, Role
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.polling import wait_until
from tests.shared.history.sqlite_file import empty_history


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def keyed_api(shared_keyed_api: RunningApi, redis_url: str) -> RunningApi:
    empty_history(shared_keyed_api.settings.data)
    return shared_keyed_api


@pytest.fixture
def used(keyed_api: RunningApi, client_of: ClientOf, store: RedisJobStore) -> None:
    """Ada's job with two images and one that failed, and Bob's canceled job, all archived."""
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.register()
    ada, bob = client_of("ada"), client_of("bob")
    ada.post("/v1/jobs", json={"prompt": "x", "n": 2})
    worker.finish(worker.claim())
    ada.post("/v1/jobs", json={"prompt": "secret"})
    worker.fail(worker.claim())
    bob.post(f"/v1/jobs/{bob.post('/v1/jobs', json={'prompt': 'x'}).json()['id']}/cancel")
    admin = client_of("ops", role=Role.ADMIN)
    wait_until(lambda: sum(day["jobs"] for day in usage(admin, tenant="*")) == 3)


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the command printed, without the log of the API in this process."""
    lines = capsys.readouterr().out.splitlines()
    return "\n".join(line for line in lines if "[debug" not in line and "[info" not in line)


def usage(http: httpx2.Client, **query: str) -> list[dict[str, object]]:
    return http.get("/v1/usage", params=query).json()["data"]


def test_usage_is_that_of_the_tenant(used: None, client_of: ClientOf) -> None:
    (day,) = usage(client_of("ada"))
    assert (day["tenant"], day["jobs"], day["images"], day["steps"], day["device_seconds"]) == ("ada", 2, 2, 20, 0.07)
    assert day["bytes"] == 2 * len(IMAGE_BYTES)
    assert usage(client_of("carol")) == []
    problem(client_of("ada").get("/v1/usage?tenant=bob"), "forbidden")
    problem(client_of("ada").get("/v1/usage?tenant=*"), "forbidden")


def test_an_admin_sees_all_tenants(used: None, client_of: ClientOf) -> None:
    admin = client_of("ops", role=Role.ADMIN)
    assert [(day["tenant"], day["jobs"]) for day in usage(admin, tenant="*")] == [("ada", 2), ("bob", 1)]
    assert [day["tenant"] for day in usage(admin, tenant="bob")] == ["bob"]
    assert usage(admin) == []
    tomorrow = str(today() + timedelta(days=1))
    assert usage(admin, tenant="*", since=tomorrow, until=tomorrow) == []
    assert usage(admin, tenant="*", until="0001-01-02") == []


def test_usage_is_also_csv(used: None, client_of: ClientOf) -> None:
    response = client_of("ada").get("/v1/usage?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(response.text))
    assert (row["tenant"], row["jobs"], row["images"]) == ("ada", "2", "2")


def test_failures_are_counted_without_prompts_for_the_admin_alone(used: None, client_of: ClientOf) -> None:
    response = client_of("ops", role=Role.ADMIN).get("/v1/failures")
    (failure,) = response.json()["data"]
    assert (failure["error_code"], failure["model"], failure["worker"], failure["jobs"]) == (
        "nan_output",
        "shapes",
        "worker-1",
        1,
    )
    assert "secret" not in response.text
    problem(client_of("ada").get("/v1/failures"), "forbidden")


@pytest.mark.parametrize(
    "query",
    ["since=today", "until=2026-13-01", "since=20260101", "format=xml", "x=1", "since=2026-01-01&since=2026-01-02"],
)
def test_a_query_without_meaning_is_refused(client_of: ClientOf, query: str) -> None:
    problem(client_of("ada").get(f"/v1/usage?{query}"), "invalid_request")


def test_client_and_command_line_show_the_same(
    used: None,
    keyed_api: RunningApi,
    keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RENDERQ_URL", keyed_api.url)
    monkeypatch.setenv("RENDERQ_API_KEY", make_key(keys, "admin", tenant="ada", role=Role.ADMIN))
    with Client() as client:
        (day,) = client.usage(since=today())
        assert (day.jobs, day.day) == (2, today())
        assert [failure.jobs for failure in client.failures()] == [1]
        (job, *_) = client.jobs.list(q="secret")
        assert client.jobs.annotate(job.id, kept=True, labels=["b", "a"]).labels == ("a", "b")
        found = client.jobs.list(labels=["a", "b"], kept=True, error_code="nan_output", metadata={})
        assert [each.id for each in found] == [job.id]
    assert main(["usage", "--json"]) == 0
    assert json.loads(printed(capsys))[0]["jobs"] == 2
    assert main(["usage", "--since", "today", "--until", "today", "--json"]) == 0
    assert json.loads(printed(capsys))[0]["jobs"] == 2
    assert main(["usage", "--until", "yesterday"]) == 0
    assert printed(capsys) == "no usage"
    assert main(["usage", "--csv", "--tenant", "*"]) == 0
    assert [row["tenant"] for row in csv.DictReader(io.StringIO(printed(capsys)))] == ["ada", "bob"]
    assert main(["label", job.id, "x y"]) == main(["keep", "--release", job.id]) == 0
    assert main(["jobs", "--label", "x y", "--not-kept", "--search", '"secret"', "--json"]) == 0
    assert [each["id"] for each in json.loads(printed(capsys))] == [job.id]
