"""Rate limits per key, shared by all API processes; every response has the rate limit headers."""

import re
from pathlib import Path

import httpx2
import pytest

from renderq import Client, RateLimited
from renderq_shared.access import KeyStore
from renderq_shared.settings import ApiSettings
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.script_count import scripts
from tests.valkey_server import Valkey


class Clock:
    """Frozen Redis time of the API, so that no window ends during a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms = 1_800_000_000_000
        monkeypatch.setattr("renderq_api.auth.key_ring.KeyRing.now_ms", lambda _: self.now_ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def remaining(response: httpx2.Response) -> tuple[int, int]:
    match = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', response.headers["ratelimit"])
    assert match
    return int(match[1]), int(match[2])


def test_one_too_many_is_refused_until_the_next_minute(client_of: ClientOf, clock: Clock) -> None:
    ada, bob = client_of("ada", requests_per_minute=3), client_of("ada", requests_per_minute=3)
    clock.now_ms += 17_500
    responses = [ada.get("/v1/models"), ada.get("/v1/nothing"), ada.post("/v1/jobs", json={})]
    assert [response.status_code for response in responses] == [200, 404, 422]
    assert [remaining(response) for response in responses] == [(2, 43), (1, 43), (0, 43)]
    assert {response.headers["ratelimit-policy"] for response in responses} == {'"requests";q=3;w=60'}
    rejected = ada.post("/v1/jobs", json={"prompt": "x"})
    problem(rejected, "rate_limited")
    assert rejected.headers["retry-after"] == "43"
    assert remaining(rejected) == (0, 43)
    assert bob.get("/v1/models").status_code == 200, "each key has its own"
    clock.now_ms += 43_000
    assert remaining(ada.get("/v1/jobs")) == (2, 60)
    assert ada.get("/v1/jobs").json()["data"] == [], "what was refused was not done"


def test_all_processes_count_together(
    keyed_api: RunningApi, keys: KeyStore, redis_url: str, tmp_path: Path, clock: Clock
) -> None:
    headers = {"Authorization": f"Bearer {make_key(keys, 'x', requests_per_minute=2)}"}
    with (
        RunningApi(ApiSettings(data=tmp_path, redis_url=redis_url, port=0)) as other,
        keyed_api.client(headers=headers) as one,
        other.client(headers=headers) as two,
    ):
        assert [http.get("/v1/stats").status_code for http in (one, two, one, two)] == [200, 200, 429, 429]


def test_only_a_limited_key_pays_for_it_and_one_trip(client_of: ClientOf, redis_url: str) -> None:
    free, limited = client_of("ada"), client_of("bob", requests_per_minute=1_000)
    for http in (free, limited):
        http.get("/v1/stats")
    assert scripts(redis_url, lambda: free.get("/v1/stats"), "rq:rate") == 0
    assert scripts(redis_url, lambda: limited.get("/v1/stats"), "rq:rate") == 1
    assert "ratelimit" not in free.get("/v1/stats").headers


def test_open_routes_are_not_counted(client_of: ClientOf, clock: Clock) -> None:
    ada = client_of("ada", requests_per_minute=1)
    for _ in range(3):
        assert ada.get("/healthz").status_code == 200
    assert ada.get("/v1/models").status_code == 200


def test_without_redis_it_is_a_503(client_of: ClientOf, valkey: Valkey) -> None:
    ada = client_of("ada", requests_per_minute=100)
    assert ada.get("/v1/jobs/nonsense").status_code == 404
    valkey.kill()
    problem(ada.get("/v1/jobs/nonsense"), "service_unavailable")
    valkey.restart()


def test_the_client_says_when_it_may_ask_again(keyed_api: RunningApi, keys: KeyStore, clock: Clock) -> None:
    text = make_key(keys, "x", requests_per_minute=1)
    with Client(keyed_api.url, text, max_retries=0) as client:
        client.stats()
        with pytest.raises(RateLimited) as rejected:
            client.stats()
    assert (rejected.value.code, rejected.value.retry_after) == ("rate_limited", 60.0)
