"""Hostile receivers: attempts end within limits of time and bytes, with errors that reveal nothing received."""

import asyncio
import json
import socket
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest

from renderq_api.egress import GuardedTransport
from renderq_api.webhooks import Sender
from renderq_api.webhooks.sender import SendResult
from renderq_shared.jobs import DeliveryClaim, DeliveryRecord, commands
from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.settings.addresses import parse_networks
from tests.api.webhooks.receivers import Behavior, misbehaving_server
from tests.job_store.factories import submit
from tests.tls import self_signed, server_context

HANG_S = 30
"""Far more than any attempt may take, and less than a test's timeout."""


def delivery_to(url: str) -> DeliveryRecord:
    store = MemoryJobStore()
    request = {"prompt": "x", "metadata": {}, "webhook": {"url": url}}
    submit(store, "job_1", request_json=json.dumps(request), webhook_events=("job.canceled",))
    store.call(commands.cancel("ada", "job_1"))
    (delivery,) = store.call(commands.claim_deliveries(DeliveryClaim("claim", 1_000, 1)))
    return delivery


async def send(url: str, timeout_s: float = 15.0, allow: str = "127.0.0.0/8") -> SendResult:
    transport = GuardedTransport(parse_networks(allow))
    sender = Sender(lambda: transport, (b"k" * 24,), "http://renderq.test/", 0, timeout_s)
    async with asyncio.timeout(HANG_S):
        return await sender.send(delivery_to(url))


async def send_to(behavior: Behavior, scheme: str = "http", timeout_s: float = 15.0) -> SendResult:
    async with misbehaving_server(behavior) as port:
        return await send(f"{scheme}://127.0.0.1:{port}/", timeout_s)


def says(response: bytes) -> Behavior:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()

    return behave


def goes_on(beginning: bytes, piece: bytes, pause_s: float, sent: Counter[str] | None = None) -> Behavior:
    """Start a response and never end it."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(beginning)
        while True:
            writer.write(piece)
            await writer.drain()
            if sent is not None:
                sent["bytes"] += len(piece)
            await asyncio.sleep(pause_s)

    return behave


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.test ESMTP\r\n")
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_who_never_gets_to_the_end_of_the_headers_is_given_up() -> None:
    behaviors = {
        "silent": is_silent,
        "trickle of a status line": goes_on(b"", b"H", 0.05),
        "trickle of a header": goes_on(b"HTTP/1.1 200 OK\r\nx: ", b"y", 0.05),
        "trickle of headers": goes_on(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0.05),
        "processing for ever": goes_on(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.01),
    }
    sent = await asyncio.gather(*(send_to(each, timeout_s=1.5) for each in behaviors.values()))
    errors = {name: each.attempt.error for name, each in zip(behaviors, sent, strict=True)}
    assert errors == dict.fromkeys(behaviors, "no response within 1.5 s")


async def test_a_body_that_trickles_is_left_and_the_status_counts() -> None:
    heads = (f"HTTP/1.1 {status} Whatever\r\nContent-Length: 1000000\r\n\r\n" for status in (200, 500))
    sent = await asyncio.gather(*(send_to(goes_on(head.encode(), b"z", 0.05)) for head in heads))
    assert [(each.attempt.status, each.attempt.error) for each in sent] == [(200, None), (500, "not a 2xx response")]


@pytest.mark.parametrize(
    ("beginning", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nx: ", "the receiver does not speak HTTP/1.1, or closed the connection early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n", None),
    ],
    ids=["body", "header", "chunk"],
)
async def test_of_what_has_no_end_little_is_taken(beginning: bytes, error: str | None) -> None:
    received = Counter[str]()
    sent = await send_to(goes_on(beginning, b"z" * 65_536, 0.0, received))
    assert sent.attempt.error == error
    assert received["bytes"] < 20_000_000, "more was read than fits into the buffers on the way"


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"SSH-2.0-SECRET\r\n",
        b"HTTP/1.1 SECRET\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nSECRET",
        b"HTTP/1.1 200 OK\r\nSECRET\x00: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nSECRET",
        b"\x00\xff\xfe" * 100,
    ],
)
async def test_what_is_not_http_fails_and_is_not_quoted(response: bytes) -> None:
    sent = await send_to(says(response))
    assert sent.attempt.error == "the receiver does not speak HTTP/1.1, or closed the connection early"


async def test_a_connection_that_is_reset_is_a_failed_attempt() -> None:
    assert (await send_to(resets)).attempt.error == "the connection was lost"


async def test_a_refused_connection_is_reported() -> None:
    async with misbehaving_server(is_silent) as port:
        pass
    sent = await send(f"http://127.0.0.1:{port}/")
    assert str(sent.attempt.error).startswith("connection failed: ")


async def test_tls_with_those_who_do_not_speak_it() -> None:
    assert (await send_to(is_silent, "https", timeout_s=0.5)).attempt.error == "connection timed out"
    assert str((await send_to(talks, "https")).attempt.error).startswith("connection failed: ")


async def test_an_invalid_certificate_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path, "DNS:hooks.test")
    context = server_context(key, certificate)
    received: list[bytes] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))

    server = await asyncio.start_server(receive, "127.0.0.1", 0, ssl=context)
    async with server:
        sent = await send(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert "CERTIFICATE_VERIFY_FAILED" in str(sent.attempt.error)
    assert received in ([], [b""])


async def test_the_address_of_a_name_is_not_revealed() -> None:
    for host in ("127.0.0.1", "localhost", "localhost.", "0x7f.1"):
        sent = await send(f"http://{host}:8080/", allow="")
        assert sent.attempt.error in {
            "denied: the host has no public address; RENDERQ_EGRESS_ALLOW can allow it",
            "denied: the host name cannot be resolved",
        }


async def test_a_redirect_to_an_internal_address_is_an_answer() -> None:
    reached = asyncio.Event()

    async def is_internal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with misbehaving_server(is_internal) as internal:
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} Away\r\nLocation: http://127.0.0.1:{internal}/\r\nContent-Length: 0\r\n\r\n"
            sent = await send_to(says(head.encode()))
            assert (sent.attempt.status, sent.attempt.error) == (status, "redirects are not followed")
    assert not reached.is_set()


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_seconds_or_a_date(status: int) -> None:
    in_two_hours = datetime.now(UTC) + timedelta(hours=2)
    for retry_after, seconds in {
        "7200": 7_200,
        format_datetime(in_two_hours, usegmt=True): 7_200,
        format_datetime(in_two_hours.replace(tzinfo=None)): 7_200,  # no zone
        format_datetime(in_two_hours.astimezone(timezone(timedelta(hours=9)))): 7_200,
        "Fri, 31 Dec 1999 23:59:59 GMT": 0,
        "-7200": None,
        "7200.5": None,
        "soon": None,
        "Mon, 99 Xyz 99999 99:99:99 +9999": None,
        "Mon, 01 Jan 0001 00:00:00 +2359": 0,
        "٣": None,
        "": None,
    }.items():
        head = f"HTTP/1.1 {status} Later\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n"
        sent = await send_to(says(head.encode()))
        assert (sent.attempt.status, sent.retry_after_s) == (status, seconds and pytest.approx(seconds, abs=HANG_S))
