"""Every address that leaves the service is the one by which its clients reach it."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from renderq_shared.access import KeyStore, NewKey, new_key
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.valkey_server import Valkey

Connect = Callable[[str], httpx2.Client]

PUBLIC = "https://render.example:8443/rq"
TRUSTED = "127.0.0.2, 10.0.0.0/8, 2001:db8::/32"
URL = re.compile(r"https?://[^\s\"'<>,]+")
FOREIGN = ("https://renderq.dev/", "https://images.example", "https://json-schema.org/")


def from_address(api: RunningApi, source: str, **headers: str) -> httpx2.Client:
    """Return a client whose connections come from `source`."""
    transport = httpx2.HTTPTransport(local_address=source)
    return httpx2.Client(base_url=api.url, timeout=30, transport=transport, headers=headers)


def api_address(connection: httpx2.Client, headers: dict[str, str] | list[tuple[str, str]]) -> str:
    """Submit a job with these headers and return its URL without path, but with path prefix."""
    with connection as http:
        response = http.post("/v1/jobs", json={"prompt": "x"}, headers=headers)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == response.json()["urls"]["self"]
    return response.headers["location"].removesuffix("/v1/jobs/" + response.json()["id"])


def addresses(response: httpx2.Response) -> list[str]:
    """Return all absolute URLs of a response, in its headers and its body."""
    text = "\n".join([*response.headers.values(), response.text])
    return [url for url in URL.findall(text) if not url.startswith(FOREIGN)]


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("strips", [True, False])
def test_with_a_public_url_every_address_is_below_it(
    settings_for: SettingsFor, redis_url: str, source: str, strips: bool
) -> None:
    """With forged headers, from trusted and other senders, and whether or not the proxy strips the prefix."""
    prefix = "" if strips else "/rq"
    spoofed = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    with (
        RunningApi(settings_for(public_url=PUBLIC)) as api,
        from_address(api, source) as http,
        sync_client(redis_url) as redis,
    ):
        http.headers.update(spoofed)
        worker = Worker(RedisJobStore(redis), FolderStore(api.settings.store_folder))
        worker.register()
        submitted = http.post(f"{prefix}/v1/jobs", json={"prompt": "x", "output": {"grid": True}, "n": 2})
        job: dict[str, Any] = submitted.json()
        path = f"{prefix}/v1/jobs/{job['id']}"
        worker.finish(worker.claim())
        asset = http.post(f"{prefix}/v1/assets", files={"file": image_file()})
        responses = [
            submitted,
            asset,
            http.get(path),
            http.get(f"{prefix}/v1/jobs"),
            http.get(f"{path}/events"),
            http.get(f"{path}/images/0"),
            http.get(f"{path}/images/grid"),
            http.get(f"{prefix}/v1/assets/{asset.json()['id']}"),
            http.get(f"{prefix}/v1/assets/{asset.json()['id']}/content"),
            http.get(f"{prefix}/openapi.json"),
        ]
        signed = responses[5].headers["location"]
        assert http.get(signed.replace(PUBLIC, prefix)).status_code == 200
        missing = http.get(f"{prefix}/v1/nothing")
    for response in responses:
        assert response.status_code < 400, response.text
        found = addresses(response)
        assert found, response.request.url
        assert [url for url in found if not url.startswith(f"{PUBLIC}/v1/") and url != PUBLIC] == []
    assert responses[-1].json()["servers"] == [{"url": PUBLIC}]
    assert missing.json()["instance"] == "/rq/v1/nothing"


@pytest.fixture(scope="module")
def shared_trusting_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    valkey.empty()
    data = tmp_path_factory.mktemp("trusting")
    settings = ApiSettings(data=data, redis_url=valkey.url, port=0, keys="required", trusted_proxies=TRUSTED)
    with RunningApi(settings) as api:
        yield api


@pytest.fixture
def trusting(shared_trusting_api: RunningApi, redis_url: str) -> Connect:
    """Return a factory: source address → client of an API that trusts some proxies."""
    with sync_client(redis_url) as redis:
        key = new_key()
        assert KeyStore(redis).create(NewKey(key.id, key.digest, "test"))
    return lambda source: from_address(shared_trusting_api, source, Authorization=f"Bearer {key.text}")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://localhost"),
        ({"X-Forwarded-Proto": "https"}, "https://localhost"),
        ({"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "render.example"}, "https://render.example"),
        ({"X-Forwarded-Host": "render.example:8443", "X-Forwarded-Port": "1"}, "http://render.example:8443"),
        ({"X-Forwarded-Port": "8443"}, "http://localhost:8443"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}, "https://localhost"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Port": "80"}, "https://localhost"),
        ({"X-Forwarded-Host": "[2001:db8::1]:8443"}, "http://[2001:db8::1]:8443"),
        ({"X-Forwarded-Host": "[2001:db8::1]", "X-Forwarded-Port": "81"}, "http://[2001:db8::1]:81"),
        ({"X-Forwarded-Prefix": "/rq/"}, "http://localhost/rq"),
        ({"X-Forwarded-Prefix": "/"}, "http://localhost"),
        ({"Forwarded": 'for="[2001:db9::7]:99";proto=https;host="render.example:8443"'}, "https://render.example:8443"),
        ({"forwarded": "For=9.9.9.9; Proto=HTTPS ;by=10.0.0.1"}, "https://localhost"),
        ({"Forwarded": "for=9.9.9.9;;x-y=1;proto=https;"}, "https://localhost"),
    ],
)
def test_the_headers_of_a_trusted_proxy_name_the_address(
    trusting: Connect, headers: dict[str, str], expected: str
) -> None:
    assert api_address(trusting("127.0.0.2"), {"Host": "localhost", **headers}) == expected


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.3"])
def test_the_headers_of_any_other_client_do_not(trusting: Connect, source: str) -> None:
    headers = {
        "Host": "localhost",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Port": "666",
        "Forwarded": "host=evil.example;proto=https",
    }
    assert api_address(trusting(source), headers) == "http://localhost"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # One trusted proxy, which appends: what stands before its values came from the client.
        ({"Proto": "gopher, https", "Host": "evil.example, render.example"}, "https://render.example"),
        ({"Prefix": "/evil, /rq"}, "http://localhost/rq"),
        # Two trusted proxies (10.0.0.1 in front of the peer): the outer one's values count.
        (
            {"For": "9.9.9.9, 10.0.0.1", "Proto": "https, http", "Host": "render.example, inner"},
            "https://render.example",
        ),
        ({"For": "9.9.9.9, 10.0.0.1", "Proto": "http, https, http"}, "https://localhost"),
        ({"For": "9.9.9.9, 10.0.0.1:1234", "Proto": "https"}, "https://localhost"),
        ({"For": "9.9.9.9, [2001:db8::2]:1", "Proto": "https, http"}, "https://localhost"),
        ({"For": "9.9.9.9, ::ffff:10.0.0.1", "Proto": "https, http"}, "https://localhost"),
        ({"For": "9.9.9.9, 10.0.0.1", "Prefix": "/evil, /outer, /inner"}, "http://localhost/outer/inner"),
        ({"For": "9.9.9.9, unix:", "Proto": "https, http"}, "http://localhost"),
        # A spoofed trusted address to the left of the client's own changes nothing.
        ({"For": "10.0.0.1, 9.9.9.9", "Proto": "http, https"}, "https://localhost"),
        ({"For": "unknown", "Proto": "https"}, "https://localhost"),
        # X-Forwarded-* beats Forwarded, which a proxy that does not know it passes on from the client.
        ({"For": "9.9.9.9", "Forwarded": "host=evil.example;proto=https"}, "http://localhost"),
    ],
)
def test_with_several_proxies_the_outermost_trusted_one_names_the_address(
    trusting: Connect, headers: dict[str, str], expected: str
) -> None:
    names = {name: name if name == "Forwarded" else f"X-Forwarded-{name}" for name in headers}
    sent = {"Host": "localhost", **{names[name]: value for name, value in headers.items()}}
    assert api_address(trusting("127.0.0.2"), sent) == expected


@pytest.mark.parametrize(
    "sent", ["host", "for=", 'for="', 'host="evil.example', "host=a;host=b", 'for="8.8.8.8, 10.0.0.1"', "\\", "=;,;="]
)
@pytest.mark.parametrize("lines", [1, 2])
def test_a_malformed_header_of_the_client_hides_no_header_of_the_proxy(
    trusting: Connect, sent: str, lines: int
) -> None:
    added = "for=9.9.9.9;host=render.example;proto=https"
    values = [sent, added] if lines == 2 else [f"{sent}, {added}"]
    headers = [("Host", "localhost"), *(("Forwarded", value) for value in values)]
    assert api_address(trusting("127.0.0.2"), headers) == "https://render.example"


def test_repeated_headers_are_one_list(trusting: Connect) -> None:
    headers = [("Host", "localhost"), ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Prefix", "/rq")]
    assert api_address(trusting("127.0.0.2"), headers) == "http://localhost/rq"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Proto": ""},
        {"X-Forwarded-Host": "evil.example/path"},
        {"X-Forwarded-Host": "user@evil.example"},
        {"X-Forwarded-Host": 'a"b'},
        {"X-Forwarded-Host": ""},
        {"X-Forwarded-Host": "render.example:99999"},
        {"X-Forwarded-Port": "0"},
        {"X-Forwarded-Port": "99999"},
        {"X-Forwarded-Port": "8²".encode("latin-1")},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Prefix": "/../x"},
        {"X-Forwarded-Prefix": "/a b"},
        {"X-Forwarded-Prefix": "/a?b"},
        {"X-Forwarded-Prefix": "/v1"},
        {"X-Forwarded-Prefix": "/" + "a" * 3000},
        {"Forwarded": "host"},
        {"Forwarded": 'host="'},
        {"Forwarded": ';;,,=,"\\'},
        {"Forwarded": "host=evil example;proto=x"},
        {"X-Forwarded-For": "," * 2000},
    ],
)
def test_malformed_headers_of_a_trusted_proxy_are_ignored(trusting: Connect, headers: dict[str, str]) -> None:
    assert api_address(trusting("127.0.0.2"), {"Host": "localhost", **headers}) == "http://localhost"


def test_a_prefix_that_the_proxy_does_not_strip_is_stripped(trusting: Connect) -> None:
    with trusting("127.0.0.2") as http:
        http.headers.update({"Host": "localhost", "X-Forwarded-Prefix": "/rq"})
        job = http.post("/rq/v1/jobs", json={"prompt": "x"}).json()
        assert http.get(f"/rq/v1/jobs/{job['id']}").json()["urls"]["self"].startswith("http://localhost/rq/v1/jobs/")
        assert http.get("/rqv1/jobs").status_code == 404
        assert http.get("/rq/rq/v1/jobs").status_code == 404


def test_an_idempotency_key_means_the_same_behind_every_address(trusting: Connect) -> None:
    with trusting("127.0.0.2") as http:
        sent = {"json": {"prompt": "x"}, "headers": {"Idempotency-Key": "once", "Host": "localhost"}}
        first = http.post("/v1/jobs", **sent)
        http.headers["X-Forwarded-Prefix"] = "/rq"
        second = http.post("/rq/v1/jobs", **sent)
    assert (second.status_code, second.headers["idempotency-replayed"]) == (201, "true")
    assert second.headers["location"] == f"http://localhost/rq/v1/jobs/{first.json()['id']}"


def test_a_request_without_a_usable_host_names_the_address_it_came_to(shared_api: RunningApi, redis_url: str) -> None:
    port = int(shared_api.url.rsplit(":", 1)[1])
    body = json.dumps({"prompt": "x"}).encode()
    fields = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    head = f"POST /v1/jobs HTTP/1.0\r\n{fields}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"location: http://localhost/v1/jobs/" in response


def test_the_log_names_the_client_and_not_the_proxy(settings_for: SettingsFor) -> None:
    with capture_logs() as records, RunningApi(settings_for(trusted_proxies=TRUSTED)) as api:
        for source, forwarded in [
            ("127.0.0.2", "6.6.6.6, 9.9.9.9"),
            ("127.0.0.2", "2001:db9::1, [2001:db8::5]:443"),
            ("127.0.0.2", "unknown"),
            ("127.0.0.3", "9.9.9.9"),
        ]:
            with from_address(api, source) as http:
                http.post("/v1/nothing", headers={"X-Forwarded-For": forwarded})
    clients = [record["client"] for record in records if record["event"] == "request.completed"]
    assert clients == ["9.9.9.9", "2001:db9::1", "unknown", "127.0.0.3"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "9.9.9.9"},
        {"X-Forwarded-For": "127.0.0.1, 9.9.9.9"},
        {"X-Forwarded-For": "9.9.9.9, 127.0.0.1"},
        {"Forwarded": "for=9.9.9.9"},
        {"Forwarded": "for=9.9.9.9;x-y=1"},
        {"Forwarded": 'for="127.0.0.1, for=9.9.9.9'},
        {"X-Forwarded-For": "unknown"},
    ],
)
def test_without_keys_a_proxy_does_not_open_the_service_to_other_machines(
    shared_api: RunningApi, redis_url: str, headers: dict[str, str]
) -> None:
    """nginx sends its upstream's name as `Host` by default."""
    with shared_api.client() as http:
        response = http.get("/v1/jobs", headers={"Host": "127.0.0.1:8400", **headers})
        assert response.status_code == 403, response.text
        assert "forwarded" in response.json()["detail"]
        local = http.get("/v1/jobs", headers={"X-Forwarded-For": "::1, 127.0.0.1:55", "Forwarded": 'for="[::1]"'})
        assert local.status_code == 200, local.text
