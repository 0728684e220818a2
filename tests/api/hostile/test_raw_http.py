"""Raw HTTP that no library would send: ambiguous requests are rejected, slow and endless ones are cut off."""

from contextlib import suppress

import httpx2
import pytest

from renderq_api.http import json_body, lingering_close, request_head_limits
from tests.api.raw_connection import connected, exchange, statuses, until_end
from tests.api.running_api import RunningApi

HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"prompt": "x"}'
HIDDEN = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 15\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"Content-Length: 15\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"Content-Length: 15, 15\r\n\r\n",
        HEAD + b"Content-Length: +15\r\n\r\n",
        HEAD + b"Content-Length: 0x0f\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
        HEAD + b"Content-Length : 15\r\n\r\n",
        HEAD + b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;\nx\r\n",
        HEAD + b" Content-Length: 15\r\n\r\n",
        HEAD + b"X-Folded: a\r\n b\x00\r\n\r\n",
        HEAD + b"X-Nul: a\x00b\r\n\r\n",
        HEAD + b"X\x00Nul: a\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"X-Bare: a\rContent-Length: 15\r\n\r\n",
        b"get /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/jobs\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEAD + b"Host: localhost\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"Host: evil.example\r\nContent-Length: 15\r\n\r\n",
        HEAD.replace(b"localhost", b"localhost, evil.example") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"localhost", b"user@localhost") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"localhost", b"localhost/v1") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"localhost", b"localhost:x") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"localhost", b"[::1") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"Host: localhost\r\n", b"") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"http://evil.example/v1/jobs") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"http://localhost:81/v1/jobs") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"http://evil@localhost/v1/jobs") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"ftp://localhost/v1/jobs") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"//evil.example/v1/jobs#x") + b"Content-Length: 15\r\n\r\n",
        HEAD.replace(b"/v1/jobs", b"*") + b"Content-Length: 15\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + BODY + b"\r\n0\r\n\r\n",
        HEAD + b"Content-Type: text/plain\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"Origin: http://localhost\r\nOrigin: http://evil.example\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"X-Folded: a\r\n b\r\nContent-Length: 15\r\n\r\n",
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(api: RunningApi, head: bytes) -> None:
    received = exchange(api, head + BODY + HIDDEN)
    assert statuses(received) == [400]
    assert b"smuggled" not in received


@pytest.mark.parametrize(
    "encoding",
    [
        b"xchunked",
        b"gzip, chunked",
        b",chunked",
        b"identity, chunked",
        b"identity\r\nTransfer-Encoding: chunked",
        b"gzip\r\nTransfer-Encoding: chunked",
    ],
)
def test_other_transfer_codings_are_refused(api: RunningApi, encoding: bytes) -> None:
    chunks = b"f\r\n" + BODY + b"\r\n0\r\n\r\n"
    received = exchange(api, HEAD + b"Transfer-Encoding: " + encoding + b"\r\n\r\n" + chunks + HIDDEN)
    assert statuses(received) == [501]


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"2.0", b"2", b"9.9", b"10.0"])
def test_other_versions_are_refused(api: RunningApi, version: bytes) -> None:
    received = exchange(api, HEAD.replace(b"1.1", version) + b"Content-Length: 15\r\n\r\n" + BODY + HIDDEN)
    assert statuses(received) == [505]


def test_options_of_the_whole_server_are_those_of_its_root(api: RunningApi) -> None:
    received = exchange(api, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert statuses(received) == [405]
    assert b"allow: get, head\r\n" in received.lower()


def test_requests_behind_each_other_are_answered_in_order(api: RunningApi) -> None:
    last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = exchange(api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50 + HIDDEN + last)
    assert statuses(received) == [200] * 50 + [401, 200]


@pytest.mark.parametrize(
    "piece",
    [b"x: y\r\n", b"x-%d: " % 7 + b"y" * 1_000 + b"\r\n", b"y" * 1_000],
    ids=["many headers", "large headers", "one endless header"],
)
def test_a_head_has_a_bound(api: RunningApi, piece: bytes) -> None:
    beginning = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + (b"" if b":" in piece else b"x: ")
    with connected(api) as connection:
        with suppress(ConnectionError):
            connection.sendall(beginning + piece * (200_000 // len(piece)))
        assert statuses(until_end(connection)) in ([431], [])
    assert httpx2.get(f"{api.url}/healthz", trust_env=False).status_code == 200


def test_a_head_has_a_bound_even_if_it_comes_at_once(api: RunningApi) -> None:
    for headers in (b"x: y\r\n" * 3_000, b"x: " + b"y" * 70_000 + b"\r\n"):
        received = exchange(api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        assert statuses(received) in ([431], [])


def test_the_rest_of_a_body_that_was_refused_is_no_head(api: RunningApi) -> None:
    """After an early response to an incomplete body, the next request on the connection gets its own response."""
    rejected = [("application/json", 413), ("text/plain", 415)]
    with api.client() as http:
        for content_type, status in rejected * 10:
            response = http.post("/v1/jobs", content=b"x" * 2_000_000, headers={"Content-Type": content_type})
            assert response.status_code in {status, 401}
            assert http.get("/healthz").status_code == 200


def test_a_head_of_ordinary_size_is_read(api: RunningApi) -> None:
    with api.client() as http:
        for headers in ({f"x-{number}": "y" * 100 for number in range(100)}, {"x": "y" * 8_000}):
            assert http.get("/healthz", headers=headers).status_code == 200


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head_limits, "HEAD_S", 0.5)
    monkeypatch.setattr(json_body, "BODY_S", 0.5)
    monkeypatch.setattr(lingering_close, "_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("beginning", [b"", b"GET /healthz HTTP/1.1\r\nHost:"], ids=["nothing", "half a head"])
def test_who_does_not_get_on_is_cut_off(api: RunningApi, beginning: bytes) -> None:
    assert statuses(exchange(api, beginning)) == [408]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("more", "then"),
    [(b"", b"\r\n"), (b"", b"GET /"), (b"Content-Length: 1000000\r\n", b"x")],
    ids=["an empty line", "half another head", "an unexpected body"],
)
def test_who_does_not_get_on_after_an_answer_is_cut_off_too(api: RunningApi, more: bytes, then: bytes) -> None:
    with connected(api) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + more + b"\r\n")
        assert statuses(connection.recv(65_536)) == [200]
        connection.sendall(then)
        assert statuses(until_end(connection)) == [408]


@pytest.mark.usefixtures("impatient")
def test_a_body_that_does_not_come_is_a_timeout(api: RunningApi, authorization: dict[str, str]) -> None:
    key = f"Authorization: {authorization['Authorization']}\r\n".encode()
    received = exchange(api, HEAD + key + b"Content-Length: 15\r\n\r\n{")
    assert statuses(received) == [408]
    assert b'"code":"request_timeout"' in received


def test_no_other_protocol_is_spoken(api: RunningApi) -> None:
    for protocol in (b"websocket", b"h2c"):
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: " + protocol
        key = b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        assert statuses(exchange(api, head + key + b"\r\n\r\n")) == [200]
