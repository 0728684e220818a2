"""Authentication by API key."""

from collections import Counter

import httpx2
import pytest
import redis

from renderq_api.doors import DOORS
from renderq_api.routes import ROUTERS
from renderq_shared.access import KeyStore, Role, new_key, parse_key
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.script_count import scripts
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey

OPEN = {"/healthz", "/readyz", "/v1/files/{key:path}", "/v1/visitors"}

ROUTERS_OF_DOORS = [door.router for door in DOORS.values()]
ROUTES = sorted(
    (method, route.path)
    for router in (*ROUTERS, *ROUTERS_OF_DOORS)
    for route in router.routes
    for method in route.methods
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_asks_for_a_key_unless_it_is_known_to_be_open(
    anonymous: httpx2.Client, method: str, path: str
) -> None:
    response = anonymous.request(method, path)
    assert (response.status_code == 401) is (path not in OPEN)


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/nothing", "/queue/", "//v1/jobs", "/v1/jobs/", "/v1/files", "/openapi.json/"]
)
def test_what_is_not_there_is_not_shown_either(anonymous: httpx2.Client, path: str) -> None:
    problem(anonymous.get(path), "unauthorized")


def test_the_document_says_how_to_prove_oneself(anonymous: httpx2.Client) -> None:
    document = anonymous.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, item in document["paths"].items():
        for operation in item.values():
            needs_key = path.startswith(
                ("/v1/", "/hf/", "/mcp", "/sdapi/", "/internal/", "/metrics")
            ) and not path.startswith(("/v1/files/", "/v1/visitors"))
            assert ("401" in operation["responses"]) is needs_key, path


def test_a_key_opens_whatever_the_host_and_origin_are(client_of: ClientOf) -> None:
    headers = {"Host": "render.example.org", "Origin": "https://example.org"}
    made = client_of("ada").post("/v1/jobs", json={"prompt": "x"}, headers=headers)
    assert made.status_code == 201
    assert made.headers["location"].startswith("http://render.example.org/v1/jobs/job_")
    assert not [name for name in made.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["[::", "a b", ""])
def test_a_malformed_host_is_no_internal_error(client_of: ClientOf, anonymous: httpx2.Client, host: str) -> None:
    for http in (client_of("ada"), anonymous):
        for path in ("/v1/jobs", "/v1/nothing"):
            response = http.request("POST", path, json={"prompt": "x"}, headers={"Host": host})
            assert response.status_code in {201, 400, 401, 404, 422}, response.text


def test_without_a_key_it_says_how_to_get_one(anonymous: httpx2.Client) -> None:
    response = anonymous.get("/v1/models")
    assert "renderq keys create" in problem(response, "unauthorized")["detail"]
    assert response.headers["www-authenticate"] == 'Bearer realm="renderq"'


def test_the_scheme_is_read_as_http_wants_it(keys: KeyStore, anonymous: httpx2.Client) -> None:
    text = make_key(keys, "x")
    for scheme in ("bearer ", "BEARER  "):
        assert anonymous.get("/v1/models", headers={"Authorization": scheme + text}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda text: f"Bearer {text[:-1]}", "truncated or mistyped"),
        (lambda text: f"Bearer {text[:-9]}{'00' if text[-9:-7] != '00' else '11'}{text[-7:]}", "truncated or mistyped"),
        (lambda text: text, "`Bearer`"),
        (lambda text: f"Basic {text}", "`Bearer`"),
        (lambda text: f"Bearer {text}, Bearer {text}", "`Bearer`"),
        (lambda text: "Bearer", "`Bearer`"),
        (lambda text: f"Bearer {new_key().text}", "unknown or revoked"),
    ],
)
def test_what_is_no_good_key_is_refused(keys: KeyStore, anonymous: httpx2.Client, wrong, words: str) -> None:
    response = anonymous.get("/v1/models", headers={"Authorization": wrong(make_key(keys, "x"))})
    assert words in problem(response, "unauthorized")["detail"]
    assert response.headers["www-authenticate"] == 'Bearer realm="renderq", error="invalid_token"'


def test_two_headers_are_one_too_many(keys: KeyStore, anonymous: httpx2.Client) -> None:
    value = f"Bearer {make_key(keys, 'x')}"
    problem(anonymous.get("/v1/models", headers=[("Authorization", value)] * 2), "unauthorized")


def test_the_id_is_not_enough(keys: KeyStore, anonymous: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A well-formed key with another key's id, as an attacker who has seen the id would forge it."""
    victim = parse_key(make_key(keys, "x"))
    assert victim is not None
    ids = iter([int_of(victim.id), 0])
    monkeypatch.setattr("renderq_shared.access.key_format.secrets.randbits", lambda bits: next(ids))
    forged = new_key()
    assert forged.id == victim.id
    response = anonymous.get("/v1/models", headers={"Authorization": f"Bearer {forged.text}"})
    assert "unknown or revoked" in problem(response, "unauthorized")["detail"]


def int_of(key_id: str) -> int:
    number = 0
    for letter in key_id.removeprefix("rq_"):
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return number


def test_an_expired_key_is_named_as_the_reason(keys: KeyStore, anonymous: httpx2.Client) -> None:
    headers = {"Authorization": f"Bearer {make_key(keys, 'x', lifetime_ms=1)}"}
    wait_until(lambda: "expired" in problem(anonymous.get("/v1/models", headers=headers), "unauthorized")["detail"])


@pytest.mark.parametrize(("role", "status"), [(Role.USER, 403), (Role.ADMIN, 200)])
def test_workers_are_for_admins_and_how_busy_it_is_for_all(client_of: ClientOf, role: Role, status: int) -> None:
    client = client_of("ada", role=role)
    response = client.get("/v1/workers")
    assert response.status_code == status
    if status == 403:
        assert "role admin" in problem(response, "forbidden")["detail"]
    assert client.get("/v1/stats").status_code == client.get("/v1/models").status_code == 200


def test_a_keys_bound_counts_in_place_of_the_setting(client_of: ClientOf, keyed_api: RunningApi) -> None:
    bounded, free = client_of("ada", max_queued_jobs=1), client_of("ada")
    assert bounded.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
    problem(bounded.post("/v1/jobs", json={"prompt": "x"}), "quota_exceeded")
    assert free.post("/v1/jobs", json={"prompt": "x"}).status_code == 201


def test_the_largest_weight_of_a_tenants_keys_is_its_share(
    client_of: ClientOf, keys: KeyStore, store: RedisJobStore, keyed_api: RunningApi
) -> None:
    ada, bob = client_of("ada", weight=0.5), client_of("bob")
    make_key(keys, "another", tenant="ada", weight=3.0)
    make_key(keys, "expired", tenant="ada", weight=9.0, lifetime_ms=1)
    for _ in range(8):
        ada.post("/v1/jobs", json={"prompt": "x"})
        bob.post("/v1/jobs", json={"prompt": "x"})
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    assert Counter(worker.claim().tenant for _ in range(8)) == {"ada": 6, "bob": 2}


def test_a_request_with_a_key_asks_redis_no_more_often(client_of: ClientOf, redis_url: str) -> None:
    client = client_of("ada")
    client.post("/v1/jobs", json={"prompt": "fills the caches"})
    assert scripts(redis_url, lambda: client.post("/v1/jobs", json={"prompt": "x"}), "ada") == 1


def test_use_is_noted(client_of: ClientOf, keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.auth.key_ring.POLL_S", 0.05)
    client = client_of("ada")
    client.get("/v1/models")
    wait_until(lambda: (keys.read().keys or ())[0].used_ms)


def test_a_revocation_takes_effect_at_once(
    settings_for: SettingsFor, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.auth.key_ring.POLL_S", 3_600.0)
    monkeypatch.setattr("renderq_api.auth.key_ring.MAX_AGE_S", 3_600.0)
    revoked, other = make_key(keys, "first"), make_key(keys, "other")
    with RunningApi(settings_for()) as api, api.client() as http:

        def ask(text: str) -> httpx2.Response:
            return http.get("/v1/stats", headers={"Authorization": f"Bearer {text}"})

        assert ask(revoked).status_code == ask(other).status_code == 200
        keys.revoke(revoked[:13])
        wait_until(lambda: ask(revoked).status_code == 401)
        assert "revoked" in problem(ask(revoked), "unauthorized")["detail"]
        assert ask(other).status_code == 200


def test_a_revocation_whose_message_was_lost_is_found(
    client_of: ClientOf, keys: KeyStore, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.auth.key_ring.POLL_S", 0.05)
    client = client_of("ada")
    assert client.get("/v1/stats").status_code == 200
    with redis.Redis.from_url(redis_url) as quiet:
        quiet.hset(f"rq:key:{(keys.read().keys or ())[0].id}", "revoked_ms", 1)
        quiet.set("rq:keys-version", "another")
    wait_until(lambda: client.get("/v1/stats").status_code == 401)


def test_keys_that_cannot_be_read_again_are_not_believed_for_long(
    client_of: ClientOf, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("ada")
    assert client.get("/v1/jobs/nonsense").status_code == 404
    valkey.kill()
    assert client.get("/v1/jobs/nonsense").status_code == 404  # from its cache
    monkeypatch.setattr("renderq_api.auth.key_ring.MAX_AGE_S", 0.0)
    problem(client.get("/v1/jobs/nonsense"), "service_unavailable")
    assert client.get("/healthz").status_code == 200
    valkey.restart()
    wait_until(lambda: client.get("/v1/jobs/nonsense").status_code == 404)


def test_the_first_key_ends_the_time_without_and_nothing_brings_it_back(
    settings_for: SettingsFor, keys: KeyStore, redis_url: str
) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        job = http.post("/v1/jobs", json={"prompt": "x"}).json()
        text = make_key(keys, "mine")
        mine = {"Authorization": f"Bearer {text}", "Host": "example.org"}
        assert http.get(f"/v1/jobs/{job['id']}", headers=mine).status_code == 200, "the default tenant's jobs stay"
        problem(http.get("/v1/models"), "unauthorized")
        assert http.get("/healthz", headers={"Host": "example.org"}).status_code == 200
        keys.revoke(text[:13])
        wait_until(lambda: http.get("/v1/models", headers=mine).status_code == 401)
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        for _ in range(3):
            api.server.config.app.state.services.keys.refresh()
            problem(http.get("/v1/models"), "unauthorized")
            problem(http.get("/v1/models", headers={"Authorization": f"Bearer {new_key().text}"}), "unauthorized")


def test_a_revoked_key_keeps_a_service_closed_that_starts_anew(settings_for: SettingsFor, keys: KeyStore) -> None:
    keys.revoke(make_key(keys, "mine")[:13])
    with RunningApi(settings_for()) as api, api.client() as http:
        problem(http.get("/v1/models"), "unauthorized")


def test_beyond_this_machine_only_with_a_key_that_works(settings_for: SettingsFor, keys: KeyStore) -> None:
    text = make_key(keys, "mine")
    with RunningApi(settings_for(host="0.0.0.0")) as api, api.client() as http:
        problem(http.get("/v1/models"), "unauthorized")
        assert http.get("/v1/models", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_beyond_this_machine_without_redis_it_stays_closed(
    settings_for: SettingsFor, keys: KeyStore, valkey: Valkey
) -> None:
    settings = settings_for(host="0.0.0.0")
    valkey.kill()
    with RunningApi(settings) as api, api.client() as http:
        problem(http.get("/v1/models"), "service_unavailable")
        valkey.restart()
        wait_until(lambda: http.get("/v1/models").status_code == 401)
        headers = {"Authorization": f"Bearer {make_key(keys, 'first')}"}
        assert http.get("/v1/models", headers=headers).status_code == 200
