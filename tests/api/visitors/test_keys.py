"""Keys for everybody who visits an open demo: how many, for how long, and what remains after them."""

import re

import pytest

from renderq.cli import main
from renderq_shared.errors import SettingsInvalid
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.visitors.conftest import Visit
from tests.api.visitors.requests import ask, submit
from tests.api.worker import Worker
from tests.job_store.time_travel import make_older
from tests.polling import files_in, wait_until

DAY_MS = 86_400_000


def test_everybody_gets_a_key_with_narrow_limits(demo: RunningApi, visit: Visit) -> None:
    response = ask(demo)
    assert response.headers["cache-control"] == "no-store"
    given = response.json()
    limits = {"open_jobs": 2, "images": 2, "jobs_per_day": 4}
    assert given["limits"] == {"queued_jobs": 1, "requests_per_minute": 10_000, "visitor": limits}
    with demo.client(headers={"Authorization": f"Bearer {given['key']}"}) as http:
        me = http.get("/v1/me").json()
        job = submit(http, n=2)
        assert job.status_code == 201, job.text
        assert [each["id"] for each in http.get("/v1/jobs").json()["data"]] == [job.json()["id"]]
    assert (me["role"], me["visitor"], me["limits"]) == ("visitor", True, given["limits"])
    assert me["key"]["expires_at"] == given["expires_at"]
    assert DAY_MS / 1000 - 60 < me["retention_seconds"] <= DAY_MS / 1000
    other = visit()
    assert other.get("/v1/me").json()["tenant"] != me["tenant"]
    problem(other.get(f"/v1/jobs/{job.json()['id']}"), "not_found")


def test_whoami_tells_a_visitor_its_limits(
    demo: RunningApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", demo.url)
    monkeypatch.setenv("RENDERQ_API_KEY", ask(demo).json()["key"])
    assert main(["whoami"]) == 0
    assert "1 queued job, 10000 requests per minute, 2 images a job, 4 jobs a day\n" in capsys.readouterr().out


def test_a_service_that_is_no_demo_has_no_visitors(demo: RunningApi, settings_for: SettingsFor) -> None:
    headers = {"Authorization": f"Bearer {ask(demo).json()['key']}"}
    with RunningApi(settings_for(keys="required")) as api, api.client(headers=headers) as http:
        problem(ask(api), "not_found")
        assert "no longer has visitors" in problem(http.get("/v1/me"), "unauthorized")["detail"]


def test_a_demo_needs_keys() -> None:
    with pytest.raises(
        SettingsInvalid, match=r"RENDERQ_KEYS must be required where RENDERQ_VISITORS is on; create a key"
    ):
        ApiSettings.from_options({"visitors": "on"})


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        (["192.0.2.1", "192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1", "203.0.113.7, 192.0.2.1"], "192.0.2.1"),
        (["::ffff:192.0.2.1", "192.0.2.1"], "192.0.2.1"),
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::"], "2001:db8:1:2:3:4:5:6"),
        (["unknown", "none"], "unknown"),
    ],
    ids=["one address", "what the client claims", "the same in IPv6", "one network", "hidden"],
)
def test_an_address_gets_three_keys_a_day(demo: RunningApi, addresses: list[str], last: str) -> None:
    assert [ask(demo, address).status_code for address in (*addresses, last)] == [201] * 3
    refused = ask(demo, last)
    assert "already had 3 visitors today" in problem(refused, "daily_limit_reached")["detail"]
    assert 0 < int(refused.headers["retry-after"]) <= DAY_MS / 1000
    assert ask(demo, "192.0.2.2").status_code == 201
    assert ask(demo, "2001:db8:1:3::1").status_code == 201


def test_only_trusted_proxies_name_addresses(settings_for: SettingsFor) -> None:
    settings = settings_for(keys="required", visitors="on", visitors_keys_per_address=1, trusted_proxies="192.0.2.9")
    with RunningApi(settings) as api:
        assert ask(api, "192.0.2.1").status_code == 201
        problem(ask(api, "192.0.2.2"), "daily_limit_reached")


def test_many_addresses_get_no_more_than_all_places(demo: RunningApi) -> None:
    assert [ask(demo, f"192.0.2.{number}").status_code for number in range(5)] == [201] * 5
    refused = ask(demo, "192.0.2.99")
    assert re.search(r"full; a place is free in about 24 h", problem(refused, "demo_full")["detail"])
    assert DAY_MS / 1000 - 60 < int(refused.headers["retry-after"]) <= DAY_MS / 1000


def test_no_address_is_stored(demo: RunningApi, redis_url: str) -> None:
    ask(demo, "192.0.2.77")
    with sync_client(redis_url) as redis:
        assert 0 < redis.ttl("rq:visitor-salt") <= DAY_MS / 1000
        stored = ""
        for key in redis.keys("rq:visitor*") + redis.keys("rq:key:*"):
            kind = redis.type(key)
            stored += f"{key} {redis.hgetall(key) if kind == 'hash' else redis.get(key) if kind == 'string' else ''}"
    assert stored
    assert "192.0.2.77" not in stored


def test_an_expired_visitor_leaves_nothing(demo: RunningApi, visit: Visit, worker: Worker, redis_url: str) -> None:
    visitor = visit()
    me = visitor.get("/v1/me").json()
    job = submit(visitor).json()["id"]
    worker.finish(worker.claim())
    ended = visitor.get(f"/v1/jobs/{job}").json()
    assert ended["expires_at"] == me["key"]["expires_at"]
    open_job = submit(visitor).json()["id"]
    with sync_client(redis_url) as redis:
        assert redis.hget("rq:weights", me["tenant"]).startswith("0.01")
        make_older(redis, DAY_MS)

        def traces() -> list[str]:
            kept = [key for key in redis.keys("*") if not key.startswith("rq:rate:")]  # of this minute
            return [key for key in kept if me["tenant"] in key or me["key"]["id"] in key or job in key]

        def fields() -> list[str]:
            hashes = ("rq:weights", "rq:virtual:shapes", "rq:visitor-jobs", "rq:queued-by-tenant")
            return [field for key in hashes for field in redis.hgetall(key) if field in {me["tenant"], job, open_job}]

        wait_until(lambda: not traces() and not fields())
        assert redis.zrange("rq:visitors", 0, -1) == []
    wait_until(lambda: visitor.get("/v1/me").status_code == 401, "the reload of the keys")
    assert "expired. POST /v1/visitors gives" in problem(visitor.get("/v1/me"), "unauthorized")["detail"]
    # A process that was archiving the job removes its manifest once the history has refused the job.
    wait_until(lambda: not [path for path in files_in(demo.settings.store_folder) if job in path])
    files = list(demo.settings.data.glob("history.db*"))
    assert files
    assert [path for path in files if me["tenant"].encode() in path.read_bytes()] == []
