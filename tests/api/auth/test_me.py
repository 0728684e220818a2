"""`GET /v1/me`: who the caller is, over HTTP, the client and the command line."""

import json
from importlib import metadata

import httpx2
import pytest

from renderq import AsyncClient, Client
from renderq.cli import main
from renderq_shared.access import KeyStore, Role, parse_key
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.polling import wait_until
from tests.valkey_server import Valkey

SERVICE = {
    "version": metadata.version("renderq"),
    "image_delivery": "redirect",
    "retention_seconds": 7 * 86_400,
    "visitor": False,
}


def test_without_keys_everybody_is_the_admin_of_the_default_tenant(http: httpx2.Client) -> None:
    limits = {"queued_jobs": 1_000, "requests_per_minute": None, "visitor": None}
    expected = {"tenant": "default", "role": "admin", "key": None, "limits": limits, **SERVICE}
    assert http.get("/v1/me").json() == expected
    problem(http.get("/v1/me?x=1"), "invalid_request")


def test_a_key_shows_its_tenant_and_limits_and_never_its_secret(keys: KeyStore, anonymous: httpx2.Client) -> None:
    text = make_key(keys, "laptop", tenant="ada", max_queued_jobs=3, requests_per_minute=60, lifetime_ms=3_600_000)
    response = anonymous.get("/v1/me", headers={"Authorization": f"Bearer {text}"})
    me = response.json()
    key = parse_key(text)
    assert key is not None
    assert text.removeprefix(key.id) not in response.text
    assert (me["tenant"], me["role"]) == ("ada", "user")
    assert (me["key"]["id"], me["key"]["name"]) == (key.id, "laptop")
    assert me["key"]["expires_at"].endswith("Z")
    assert me["limits"] == {"queued_jobs": 3, "requests_per_minute": 60, "visitor": None}
    assert response.headers["cache-control"] == "private, no-cache"


def test_the_answer_needs_no_redis(client_of: ClientOf, valkey: Valkey) -> None:
    client = client_of("ada")
    assert client.get("/v1/me").json()["key"]["expires_at"] is None
    valkey.kill()
    assert client.get("/v1/me").json()["tenant"] == "ada"
    valkey.restart()
    wait_until(lambda: client.get("/v1/stats").status_code == 200)


def test_images_that_are_kept_forever_have_no_retention(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(output_retention_seconds=0, image_delivery="proxy")) as api, api.client() as http:
        me = http.get("/v1/me").json()
    assert (me["retention_seconds"], me["image_delivery"]) == (None, "proxy")


async def test_client_and_command_line_show_the_same(
    keyed_api: RunningApi, keys: KeyStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = make_key(keys, "ops", tenant="ada", role=Role.ADMIN, requests_per_minute=600)
    monkeypatch.setenv("RENDERQ_URL", keyed_api.url)
    monkeypatch.setenv("RENDERQ_API_KEY", text)
    with Client() as client:
        me = client.me()
    async with AsyncClient() as client:
        assert await client.me() == me
    assert me.key is not None
    assert (me.tenant, me.role, me.key.name, me.visitor) == ("ada", "admin", "ops", False)
    capsys.readouterr()
    assert main(["whoami"]) == 0
    shown = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if "[" not in line]
    assert ["tenant", "ada"] in shown
    assert ["key", f"{me.key.id} (ops)"] in shown
    assert ["limits", "1000 queued jobs, 600 requests per minute"] in shown
    assert main(["whoami", "--json"]) == 0
    printed = capsys.readouterr().out
    me_printed, _ = json.JSONDecoder().raw_decode(printed[printed.index("{\n") :])  # the API logs to the same stream
    assert me_printed["role"] == "admin"
