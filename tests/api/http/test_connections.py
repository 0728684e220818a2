"""Connections: what HTTP/1.1 (RFC 9110 and 9112) allows a client to do, over a socket."""

import json
import socket
from contextlib import ExitStack

import httpx2
import pytest

from tests.api.raw_connection import connected, exchange, statuses, until_end
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

BODY = b'{"prompt": "a red circle"}'
SUBMIT = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WITH_LENGTH = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n4\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (BODY[:4], len(BODY[4:]), BODY[4:])
PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = PROBE[:-2] + b"Connection: close\r\n\r\n"
MALFORMED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"


def submit(http: httpx2.Client) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]


def watched(api: RunningApi, job_id: str) -> int:
    return api.server.config.app.state.services.job_watchers.watcher_count(job_id)


def cancel(api: RunningApi, http: httpx2.Client, job_id: str) -> None:
    wait_until(lambda: watched(api, job_id))
    http.post(f"/v1/jobs/{job_id}/cancel")


def get(path: str, version: str = "1.1", *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: localhost", *fields, "", ""]).encode()


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        b"Connection: keep-alive, Upgrade\r\nUpgrade: TLS/1.0, h2c\r\n",
        b"Upgrade: h2c\r\n",
    ],
)
@pytest.mark.parametrize("body", [WITH_LENGTH, IN_CHUNKS], ids=["with a length", "in chunks"])
def test_a_request_that_offers_an_upgrade_keeps_its_body(api: RunningApi, offer: bytes, body: bytes) -> None:
    received = exchange(api, (SUBMIT + offer + body) * 3 + LAST)
    assert statuses(received) == [201, 201, 201, 200]


def test_a_body_may_come_after_the_head_of_an_upgrade(api: RunningApi) -> None:
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    with connected(api) as connection:
        for byte in SUBMIT + offer + WITH_LENGTH:
            connection.sendall(bytes([byte]))
        connection.sendall(LAST)
        assert statuses(until_end(connection)) == [201, 200]


@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["alone", "with an upgrade"])
def test_trailers_are_no_headers(api: RunningApi, offer: bytes) -> None:
    trailers = b"Idempotency-Key: not valid\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n"
    received = exchange(api, SUBMIT + offer + IN_CHUNKS[:-2] + trailers + LAST)
    assert statuses(received) == [201, 200]
    assert b"evil" not in received


def test_a_response_of_unknown_length_to_http_1_0_ends_with_the_connection(
    api: RunningApi, http: httpx2.Client
) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    head, _, body = exchange(api, get(f"/v1/jobs/{job_id}/events", "1.0")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith(b"retry: ")
    assert b"\n\nevent: done\ndata: {" in body


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/nowhere"])
def test_a_response_with_a_length_to_http_1_0_keeps_it(api: RunningApi, path: str) -> None:
    head, _, body = exchange(api, get(path, "1.0")).partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)


def test_http_1_0_gets_no_100_continue(api: RunningApi) -> None:
    request = SUBMIT.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\n" + WITH_LENGTH
    assert statuses(exchange(api, request)) == [201]


def test_a_client_that_waits_for_100_continue_gets_it(api: RunningApi) -> None:
    head, _, body = (SUBMIT + b"Expect: 100-continue\r\nConnection: close\r\n" + WITH_LENGTH).partition(b"\r\n\r\n")
    with connected(api) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert statuses(connection.recv(65_536)) == [100]
        connection.sendall(body)
        assert statuses(until_end(connection)) == [201]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_sends_no_more_gets_its_long_poll(api: RunningApi, http: httpx2.Client, version: str) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        connection.sendall(get(f"/v1/jobs/{job_id}", version, "Prefer: wait=30"))
        connection.shutdown(socket.SHUT_WR)
        cancel(api, http, job_id)
        received = until_end(connection)
    assert statuses(received) == [200]
    assert b'"status":"canceled"' in received


def test_a_client_that_sends_no_more_gets_the_job_it_submitted(
    api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    with connected(api) as connection:
        connection.sendall(SUBMIT + b"Prefer: wait=30\r\n" + WITH_LENGTH)
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: http.get("/v1/models/shapes").json()["queued_jobs"])
        worker.finish(worker.claim())
        received = until_end(connection)
    assert statuses(received) == [201]
    assert b'"status":"succeeded"' in received


def test_a_client_that_sends_no_more_gets_its_events(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        connection.sendall(get(f"/v1/jobs/{job_id}/events"))
        connection.shutdown(socket.SHUT_WR)
        cancel(api, http, job_id)
        assert b"event: done" in until_end(connection)


def test_a_client_that_sends_no_more_gets_all_responses_it_awaits(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        connection.sendall(get(f"/v1/jobs/{job_id}", "1.1", "Prefer: wait=30") + PROBE * 3 + PROBE[:20])
        connection.shutdown(socket.SHUT_WR)
        cancel(api, http, job_id)
        assert statuses(until_end(connection)) == [200] * 4


def test_a_connection_without_a_request_ends_with_the_client(api: RunningApi) -> None:
    for sent in (b"", PROBE[:30], SUBMIT + b"Content-Length: 9\r\n\r\n{"):
        with connected(api) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert until_end(connection) == b""
    with connected(api) as connection:
        connection.sendall(PROBE)
        received = b""
        while not received.endswith(b"}"):  # head and body may arrive separately
            received += connection.recv(65_536)
        assert statuses(received) == [200]
        connection.shutdown(socket.SHUT_WR)
        assert until_end(connection) == b""


def test_what_cannot_be_read_is_refused_after_the_responses_before_it(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        connection.sendall(get(f"/v1/jobs/{job_id}", "1.1", "Prefer: wait=30") + PROBE + MALFORMED + PROBE)
        cancel(api, http, job_id)
        received = until_end(connection)
    assert statuses(received) == [200, 200, 400]
    assert b'"status":"canceled"' in received


def test_a_body_that_cannot_be_read_is_refused_in_its_place(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        bad_body = SUBMIT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
        connection.sendall(get(f"/v1/jobs/{job_id}", "1.1", "Prefer: wait=30") + bad_body + PROBE)
        cancel(api, http, job_id)
        assert statuses(until_end(connection)) == [200, 400]


@pytest.mark.parametrize("rest", [b"\r\n", PROBE, MALFORMED, b"\x00" * 100])
def test_nothing_is_read_after_the_last_request(api: RunningApi, rest: bytes) -> None:
    assert statuses(exchange(api, LAST + rest)) == [200]


def test_empty_lines_before_a_request_are_skipped(api: RunningApi) -> None:
    assert statuses(exchange(api, b"\r\n" + PROBE + b"\r\n\r\n" + LAST)) == [200, 200]


def test_requests_that_wait_have_a_bound(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with connected(api) as connection:
        connection.sendall(get(f"/v1/jobs/{job_id}", "1.1", "Prefer: wait=30") + PROBE * 500)
        cancel(api, http, job_id)
        assert statuses(until_end(connection)) == [200] * 101 + [429]


def test_a_client_that_leaves_with_requests_waiting_ends_its_stream(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with ExitStack() as resources:
        connection = resources.enter_context(connected(api))
        connection.sendall(get(f"/v1/jobs/{job_id}/events") + PROBE)
        wait_until(lambda: watched(api, job_id))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    wait_until(lambda: not watched(api, job_id))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80"])
def test_the_absolute_form_of_the_same_host_is_answered(api: RunningApi, host: str) -> None:
    request = f"GET http://localhost/healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(api, request.encode())) == [200]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("localhost", ""),
        ("localhost", "?"),
        ("localhost:", "/healthz"),
        ("render_q", "/healthz"),
        ("a~b%2dc", "/healthz"),
        ("localhost:99999", "/healthz"),
    ],
)
def test_the_absolute_form_of_any_host_is_answered(api: RunningApi, host: str, path: str) -> None:
    request = f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(api, request.encode())) == [200]


def test_a_refusal_says_what_to_send_instead(api: RunningApi) -> None:
    received = exchange(api, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert received.endswith(b"\r\n\r\nThe request has no Host headers; send one.\n")


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (MALFORMED, b"header"),
        (b"get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"method"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", b"url"),
        (SUBMIT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"chunk size"),
    ],
)
def test_a_refusal_says_what_is_not_http(api: RunningApi, request_bytes: bytes, reason: bytes) -> None:
    received = exchange(api, request_bytes)
    assert statuses(received) == [400]
    assert reason in received.partition(b"not valid HTTP: ")[2].lower()


def test_an_encoded_slash_separates_nothing(api: RunningApi, http: httpx2.Client) -> None:
    """A proxy that guards a path by its segments reads it so (RFC 3986, 2.2)."""
    job_id = submit(http)
    for path in (f"/v1%2Fjobs/{job_id}", f"/v1/jobs%2f{job_id}", f"/v1/jobs/{job_id}%2Fdeliveries", "/v1/%2Fjobs"):
        assert statuses(exchange(api, get(path, "1.1", "Connection: close"))) == [404]
    assert statuses(exchange(api, get(f"/v1/jobs/%6Aob{job_id[3:]}", "1.1", "Connection: close"))) == [200]
