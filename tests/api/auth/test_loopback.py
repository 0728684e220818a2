"""Loopback check: without keys, only this machine has access, and no web page open on it."""

import httpx2
import pytest

from renderq_api.auth.loopback import is_loopback
from renderq_api.errors import AddressUnavailable, NotLoopback
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "localhost.evil.example"])
def test_refuses_to_listen_beyond_this_machine(settings_for: SettingsFor, host: str) -> None:
    with pytest.raises(NotLoopback, match="no API key exists"):
        RunningApi(settings_for(host=host)).__enter__()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_listens_on_this_machine(settings_for: SettingsFor, host: str) -> None:
    with RunningApi(settings_for(host=host)) as api, api.client() as http:
        assert http.get("/healthz").status_code == 200


def test_taken_port_is_named(api: RunningApi, settings_for: SettingsFor) -> None:
    port = int(api.url.rsplit(":", 1)[1])
    with pytest.raises(AddressUnavailable, match=str(port)):
        RunningApi(settings_for(port=port)).__enter__()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "localhost:",
        "127.0.0.1",
        "127.9.9.9:8400",
        "[::1]",
        "[::1]:8400",
        "localhost:65535",
    ],
)
def test_own_names_are_answered(http: httpx2.Client, host: str) -> None:
    assert http.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:8400",
        "localhost.example.org",
        "127.0.0.1.nip.io",
        "192.168.1.5",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "",
    ],
)
def test_other_names_are_refused(http: httpx2.Client, host: str) -> None:
    """DNS rebinding: a host name that resolves to 127.0.0.1 makes responses same-origin for an attacker's page."""
    for path in ("/v1/workers", "/nothing", "/openapi.json"):
        problem(http.get(path, headers={"Host": host}), "forbidden")


@pytest.mark.parametrize("host", ["localhost:80:80", "localhost@example.org", "[localhost]", "localhost, example.org"])
def test_what_is_no_name_is_refused(http: httpx2.Client, host: str) -> None:
    assert http.get("/v1/workers", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://localhost.example.org", "http://[::", "x"])
def test_pages_of_other_sites_are_refused(http: httpx2.Client, origin: str) -> None:
    job = http.post("/v1/jobs", json={"prompt": "x"}).json()
    problem(http.post(f"/v1/jobs/{job['id']}/cancel", headers={"Origin": origin}), "forbidden")
    assert http.get(f"/v1/jobs/{job['id']}").json()["status"] == "queued"
    problem(http.post("/v1/assets", files={"file": image_file()}, headers={"Origin": origin}), "forbidden")


def test_pages_of_this_machine_are_answered(http: httpx2.Client) -> None:
    headers = {"Origin": "http://localhost:3000"}
    assert http.post("/v1/jobs", json={"prompt": "x"}, headers=headers).status_code == 201


def test_no_page_is_ever_given_permission(http: httpx2.Client) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    response = http.options("/v1/jobs", headers=headers)
    problem(response, "method_not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("::ffff:10.0.0.1", False)],
)
def test_what_can_only_mean_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
