"""Event tokens: a browser streams a job's events with a token in the URL, valid for one job, a time, and a live key."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from renderq_shared.access import KeyStore
from tests.api.auth.conftest import ClientOf
from tests.api.problems import problem
from tests.polling import wait_until


def submit_job(http: httpx2.Client) -> tuple[str, str]:
    """Submit a job; return its path and its events URL."""
    job = http.post("/v1/jobs", json={"prompt": "x"}).json()
    return f"/v1/jobs/{job['id']}", job["urls"]["events"]


def token(address: str) -> str:
    return parse_qs(urlsplit(address).query)["token"][0]


def test_the_url_alone_opens_the_stream(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    ada = client_of("ada")
    path, address = submit_job(ada)
    ada.post(f"{path}/cancel")
    with anonymous.sse(address) as source:
        first, done = [event for event in source if event.data]
    assert (first.event, done.event) == ("status", "done")
    job = json.loads(done.data)
    assert job["status"] == "canceled"
    assert job["urls"]["events"] == address.partition("?")[0], "a token gives no further token"


def test_every_answer_has_one(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    ada = client_of("ada")
    path, _ = submit_job(ada)
    jobs = [ada.get(path).json(), ada.get("/v1/jobs").json()["data"][0], ada.post(f"{path}/cancel").json()]
    with ada.sse(f"{path}/events") as source:
        jobs.append(json.loads(next(event for event in source if event.data).data))
    for job in jobs:
        with anonymous.stream("GET", job["urls"]["events"]) as response:
            assert response.status_code == 200


def test_it_opens_nothing_else(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    ada = client_of("ada")
    path, address = submit_job(ada)
    other, _ = submit_job(ada)
    for wrong in (path, f"{other}/events", "/v1/jobs", "/v1/models"):
        problem(anonymous.get(wrong, params={"token": token(address)}), "unauthorized")
    problem(anonymous.post(f"{path}/cancel", params={"token": token(address)}), "unauthorized")


def test_another_tenants_key_makes_no_token_for_it(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    """Bob's key signs a token for Ada's job: the signature is valid, but Bob has no such job."""
    path, _ = submit_job(client_of("ada"))
    bob = client_of("bob")
    _, bobs = submit_job(bob)
    problem(anonymous.get(f"{path}/events", params={"token": token(bobs)}), "unauthorized")
    problem(bob.get(f"{path}/events"), "not_found")


def test_a_changed_token_is_refused(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    path, address = submit_job(client_of("ada"))
    key_id, expires, mac = token(address).split(".")
    other = "B" if mac[0] == "A" else "A"
    for wrong in (
        "",
        "x",
        f"{key_id}.{int(expires) + 1}.{mac}",
        f"{key_id}.0{expires}.{mac}",
        f"{key_id}.{expires}.{other}{mac[1:]}",
        f"{key_id}.{expires}.{mac[:-1]}",
        f"rq_0000000000.{expires}.{mac}",
    ):
        response = anonymous.get(f"{path}/events", params={"token": wrong})
        assert "urls.events" in problem(response, "unauthorized")["detail"]


def test_it_expires(client_of: ClientOf, anonymous: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.auth.event_tokens.TOKEN_S", 0)
    _, address = submit_job(client_of("ada"))
    problem(anonymous.get(address), "unauthorized")


def test_the_url_may_hold_the_token_and_a_request_for_previews(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    ada = client_of("ada")
    path, address = submit_job(ada)
    with anonymous.stream("GET", f"{address}&previews=true") as response:
        assert response.status_code == 200
    for more in (f"{address}&x=1", f"{address}&token={token(address)}"):
        problem(anonymous.get(more), "invalid_request")
    problem(ada.get(f"{path}/events?x=1"), "invalid_request")
    problem(ada.get(f"{path}/events?token=x"), "unauthorized")


def test_it_dies_with_its_key_and_so_does_the_stream(
    client_of: ClientOf, anonymous: httpx2.Client, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    _, address = submit_job(client_of("ada"))
    with anonymous.stream("GET", address) as response:
        lines = response.iter_lines()
        assert next(lines) == "retry: 2000"
        keys.revoke((keys.read().keys or ())[0].id)
        assert not [line for line in lines if line == "event: done"], "it ends, though its job goes on"
    wait_until(lambda: anonymous.get(address).status_code == 401)
