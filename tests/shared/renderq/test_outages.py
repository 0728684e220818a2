"""Waits and downloads go on through outages, until the caller's deadline."""

import asyncio
import contextlib
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from renderq import (
    AsyncClient,
    Client,
    ConnectionFailed,
    ImageCorrupted,
    InvalidArgument,
    JobEvent,
    RateLimited,
    Retry,
    Status,
    WaitTimeout,
)
from renderq._core import downloads
from renderq.contract import Job
from renderq.testing import DROPPED, FakeResponse, FakeService, JobScript, problem
from tests.polling import wait_until
from tests.shared.renderq.factories import IMAGE_BYTES, job, script_finished_job, stream

ATTEMPTS = 12
"""More than any client makes of one call."""

JOB = "/v1/jobs/job_1"
IMAGE = f"{JOB}/images/0"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq._core.retries.BACKOFF_MAX", 0.01)


@contextlib.contextmanager
def outage(server: FakeService, *, refusal: FakeResponse = DROPPED) -> Iterator[None]:
    """No request is answered, except by `refusal`, before many have been made; then all are."""
    start = len(server.received)

    def end() -> None:
        wait_until(lambda: len(server.received) >= start + ATTEMPTS)
        server.is_down = False

    server.is_down = True
    thread = threading.Thread(target=end)
    thread.start()
    yield
    thread.join()


def count_done(events: list[JobEvent]) -> list[str]:
    return [event.name for event in events if event.name == "done"]


def test_every_kind_of_wait_goes_on_through_an_outage(server: FakeService, client: Client) -> None:
    waits: list[Callable[[Any], Any]] = [
        lambda handle: handle.wait(timeout=60),
        lambda handle: handle.wait(),
        lambda handle: handle.wait(on_progress=lambda job: None),
        lambda handle: count_done(list(handle.events())),
        lambda handle: count_done(list(handle.events(timeout=60))),
    ]
    for wait in waits:
        handle = client.submit("a cat")
        with outage(server):
            assert wait(handle)
        assert handle.job.status is Status.SUCCEEDED
        with outage(server):
            assert handle.images[0].bytes()


async def test_every_kind_of_async_wait_does_the_same(server: FakeService) -> None:
    async def events(handle: Any) -> list[str]:
        return count_done([event async for event in handle.events(timeout=60)])

    waits: list[Callable[[Any], Any]] = [
        lambda handle: handle.wait(timeout=60),
        lambda handle: handle.wait(on_progress=lambda job: None),
        events,
    ]
    async with AsyncClient(server.url) as client:
        for wait in waits:
            handle = await client.submit("a cat")
            with outage(server):
                assert await wait(handle)
            assert handle.job.status is Status.SUCCEEDED
            with outage(server):
                assert await handle.images[0].bytes()


async def test_run_and_submit_with_a_timeout_go_on_through_an_outage_and_make_one_job_each(server: FakeService) -> None:
    with Client(server.url) as client:
        with outage(server):
            assert client.run("a cat", timeout=60).id == "job_1"
        with outage(server):
            assert client.submit("a cat", timeout=60).id == "job_2"
    async with AsyncClient(server.url) as client:
        with outage(server):
            assert (await client.run("a cat", timeout=60)).id == "job_3"
        with outage(server):
            assert (await client.submit("a cat", timeout=60)).id == "job_4"
    assert len(server.jobs) == 4


def test_run_without_a_timeout_submits_like_any_other_call(server: FakeService, client: Client) -> None:
    server.is_down = True
    with pytest.raises(ConnectionFailed):
        client.run("a cat")
    assert len(server.received) == 5


def test_a_used_up_quota_is_waited_for(server: FakeService) -> None:
    told: list[Retry] = []
    with Client(server.url, on_retry=told.append) as client:
        server.refuse("quota_exceeded", times=ATTEMPTS)
        assert client.run("a cat", timeout=60).id
        assert [type(retry.error) for retry in told] == [RateLimited] * ATTEMPTS
        assert [str(retry) for retry in told] == ["waiting 0 s: quota"] * ATTEMPTS
        assert [retry.number for retry in told] == list(range(1, ATTEMPTS + 1))


def test_a_stream_that_breaks_in_an_outage_is_opened_again_after_it(server: FakeService, client: Client) -> None:
    running, done = job("running", version=2), job("succeeded", version=3)
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", f"{JOB}/events", stream(("status", running)), DROPPED, stream(("status", running), ("done", done)))
    server.on("GET", JOB, *[DROPPED] * ATTEMPTS, FakeResponse(200, running))
    seen: list[int] = []
    assert client.submit("a cat").wait(on_progress=lambda job: seen.append(job.version)) == done
    assert seen[0] == 2
    assert seen[-1] == 3
    assert len(server.requests("GET", f"{JOB}/events")) == 3


def test_without_an_event_stream_polls_go_on_after_an_outage(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", f"{JOB}/events", FakeResponse(404))
    server.on("GET", JOB, *[DROPPED] * ATTEMPTS, FakeResponse(200, job("succeeded")))
    assert client.run("a cat").status is Status.SUCCEEDED
    assert len(server.requests("GET", f"{JOB}/events")) == 1


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def trickling_server(head: bytes) -> Iterator[str]:
    """Sends the start of every response at once, and its rest byte by byte, without an end."""
    ended = threading.Event()

    def respond(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            while not ended.wait(0.02):
                connection.sendall(b"x")

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not ended.is_set():
                threading.Thread(target=respond, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:",
        b"HTTP/1.1 200 OK\r\nX-Filler: ",
        b"HTTP/1.1 200 ",
    ],
    ids=["body", "events", "head", "status"],
)
async def test_a_response_that_trickles_in_ends_at_the_timeout(
    server: FakeService, client: Client, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr("renderq._core.flows.DEADLINE_GRACE_S", 0.1)
    handle = client.submit("a cat")
    with trickling_server(head) as url, Client(url) as slow:
        handle._transport = slow._transport
        with pytest.raises(ConnectionFailed, match="not complete at the deadline"):
            slow.submit("a dog", timeout=0.2)
        for wait in (handle.wait, lambda timeout: handle.wait(timeout, lambda job: None)):
            with pytest.raises(WaitTimeout, match="not complete at the deadline"):
                wait(0.2)
        async with AsyncClient(url) as slow_too:
            with pytest.raises(ConnectionFailed, match="not complete at the deadline"):
                await slow_too.submit("a dog", timeout=0.2)


def test_a_wait_ends_at_its_timeout_whatever_the_service_does(
    server: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq._core.flows.DEADLINE_GRACE_S", 0.1)
    with Client(server.url) as client, silent_server() as silent:
        handle = client.submit("a cat")
        server.is_down = True
        others = [Client(url) for url in ("http://127.0.0.1:9", silent)]
        for transport in (client._transport, *(other._transport for other in others)):
            handle._transport = transport
            with pytest.raises(WaitTimeout, match=r"job_1 was last seen queued after 0\.2 s") as caught:
                handle.wait(timeout=0.2)
            assert isinstance(caught.value.__cause__, ConnectionFailed)
            assert caught.value.job is handle.job
            with pytest.raises(WaitTimeout, match="last seen queued"):
                list(handle.events(timeout=0.2))
        for other in others:
            other.close()


async def test_an_async_wait_ends_at_its_timeout_too(server: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq._core.flows.DEADLINE_GRACE_S", 0.1)
    async with AsyncClient(server.url) as client:
        handle = await client.submit("a cat")
        server.is_down = True
        with pytest.raises(WaitTimeout, match=r"job_1 was last seen queued after 0\.2 s"):
            await handle.wait(timeout=0.2)
        with pytest.raises(WaitTimeout):
            _ = [event async for event in handle.events(timeout=0.2)]
        with pytest.raises(ConnectionFailed):
            await client.run("a dog", timeout=0.2)


def test_events_end_at_their_timeout_while_the_job_goes_on(server: FakeService, client: Client) -> None:
    server.script(JobScript(seconds=math.inf))
    handle = client.submit("a cat")
    with pytest.raises(WaitTimeout, match=r"job_1 is still running after 0\.2 s"):
        list(handle.events(timeout=0.2))
    assert handle.cancel()


def test_a_timeout_of_the_events_of_an_ended_job_does_not_say_that_it_continues(
    server: FakeService, client: Client
) -> None:
    handle = client.submit("a cat")
    handle.wait(timeout=10**400)
    server.is_down = True
    with pytest.raises(WaitTimeout, match=r"^job_1 is succeeded; its events were not complete after 0 s \(.*\)$"):
        list(handle.events(timeout=0))


def test_an_outage_is_reported_to_the_client_and_logged_by_default(
    server: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Retry] = []
    with Client(server.url, on_retry=told.append) as client, outage(server):
        client.run("a cat", timeout=60)
    assert len(told) >= ATTEMPTS
    assert [retry.number for retry in told] == list(range(1, len(told) + 1))
    assert isinstance(told[-1].error, ConnectionFailed)
    assert not caplog.records
    server.refuse("quota_exceeded", retry_after=2)
    with Client(server.url) as client:
        client.run("a cat")
    assert [record.getMessage() for record in caplog.records] == ["waiting 2 s: quota"]


def test_an_error_of_the_callers_own_ends_a_wait(server: FakeService) -> None:
    def on_retry(retry: Retry) -> None:
        raise KeyError("mine")

    with Client(server.url, on_retry=on_retry) as client:
        server.refuse("quota_exceeded")
        with pytest.raises(KeyError, match="mine"):
            client.run("a cat", timeout=60)


def test_arguments_of_a_wait_are_checked(server: FakeService, client: Client) -> None:
    handle = client.submit("a cat")
    for call in (handle.wait, lambda timeout: list(handle.events(timeout=timeout))):
        with pytest.raises(InvalidArgument, match="timeout must be seconds"):
            call("5")
    with pytest.raises(InvalidArgument, match="on_progress must be a function of a job, not bool"):
        handle.wait(5, True)
    with pytest.raises(InvalidArgument, match="timeout must be seconds"):
        client.run("a cat", timeout=math.nan)
    assert len(server.jobs) == 1


def test_ctrl_c_in_the_middle_of_a_wait_leaves_the_client_usable(server: FakeService, client: Client) -> None:
    server.script(JobScript(seconds=math.inf))
    handle = client.submit("a cat")

    def interrupt() -> None:
        server.wait_for("GET", f"/v1/jobs/{handle.id}/events")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        handle.wait(timeout=60)
    thread.join()
    assert handle.cancel().id == handle.id
    assert handle.status() is Status.CANCELED


async def test_a_canceled_task_leaves_the_client_usable(server: FakeService) -> None:
    server.script(JobScript(seconds=math.inf))
    async with AsyncClient(server.url) as client:
        handle = await client.submit("a cat")
        task = asyncio.create_task(handle.wait())
        await asyncio.to_thread(server.wait_for, "GET", f"/v1/jobs/{handle.id}/events")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await handle.cancel()
        assert await handle.status() is Status.CANCELED


def test_events_that_are_not_read_to_their_end_leave_the_client_usable(server: FakeService, client: Client) -> None:
    server.script(JobScript(seconds=math.inf))
    handle = client.submit("a cat")
    for _ in range(3):
        for event in handle.events():
            assert event.name == "status"
            break
    handle.cancel()
    assert [event.name for event in handle.events()][-1] == "done"


# -- Downloads


def cut(count: int, start: int = 0, **headers: str) -> FakeResponse:
    """The bytes from `start`, of which only `count` arrive."""
    rest = IMAGE_BYTES[start:]
    length = {"Content-Length": str(len(rest)), "Connection": "close"}
    if start:
        length["Content-Range"] = f"bytes {start}-{len(IMAGE_BYTES) - 1}/{len(IMAGE_BYTES)}"
    return FakeResponse(206 if start else 200, rest[:count], {**length, **headers})


def ranges(server: FakeService) -> list[str | None]:
    return [request.headers.get("Range") for request in server.requests("GET", IMAGE)]


@pytest.fixture
def done(server: FakeService) -> Job:
    return script_finished_job(server)


def test_a_download_that_breaks_off_continues_where_it_was(server: FakeService, client: Client, done: Job) -> None:
    server.on("GET", IMAGE, cut(5), DROPPED, problem("storage_unavailable"), cut(3, 5), cut(99, 8))
    assert client.images(done)[0].bytes() == IMAGE_BYTES
    assert ranges(server) == [None, "bytes=5-", "bytes=5-", "bytes=5-", "bytes=8-"]
    assert {request.headers["Accept-Encoding"] for request in server.requests("GET", IMAGE)} == {"identity"}


async def test_an_async_download_does_the_same(server: FakeService, done: Job) -> None:
    server.on("GET", IMAGE, cut(5), DROPPED, cut(3, 5), cut(99, 8))
    async with AsyncClient(server.url) as client:
        assert await client.images(done)[0].bytes() == IMAGE_BYTES
    assert ranges(server) == [None, "bytes=5-", "bytes=5-", "bytes=8-"]


@pytest.mark.parametrize(
    "answer",
    [
        FakeResponse(200, IMAGE_BYTES),
        FakeResponse(206, IMAGE_BYTES, {"Content-Range": "bytes 0-36/37"}),
        FakeResponse(206, IMAGE_BYTES),
        problem("range_not_satisfiable"),
        FakeResponse(206, b"x" * 32, {"Content-Range": "bytes 5-36/37"}),
        FakeResponse(206, b"x" * 9999, {"Content-Range": "bytes 5-36/37"}),
    ],
)
def test_a_server_that_cannot_continue_begins_again(
    server: FakeService, client: Client, done: Job, answer: FakeResponse
) -> None:
    server.on("GET", IMAGE, cut(5), answer, FakeResponse(200, IMAGE_BYTES))
    assert client.images(done)[0].bytes() == IMAGE_BYTES


def test_a_signed_url_that_has_expired_meanwhile_is_replaced(
    server: FakeService, store: FakeService, client: Client, done: Job
) -> None:
    first, second = (FakeResponse(302, b"", {"Location": f"{store.url}/file?{number}"}) for number in (1, 2))
    server.on("GET", IMAGE, first, second)
    store.on("GET", "/file?1", cut(5), FakeResponse(403))
    store.on("GET", "/file?2", cut(99, 5))
    assert client.images(done)[0].bytes() == IMAGE_BYTES


def test_more_bytes_than_the_image_has_are_not_read(server: FakeService, client: Client, done: Job) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    server.on("GET", IMAGE, FakeResponse(200, IMAGE_BYTES, {}, endless))
    with pytest.raises(ImageCorrupted, match="image 0 from"):
        client.images(done)[0].bytes()


def test_a_download_ends_at_its_timeout(
    server: FakeService, client: Client, done: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq._core.flows.DEADLINE_GRACE_S", 0.1)
    image = client.images(done)[0]
    server.is_down = True
    for call in (image.bytes, lambda timeout: image.save("never", timeout=timeout), image.pil):
        with pytest.raises(ConnectionFailed):
            call(timeout=0.2)
    monkeypatch.setattr(downloads, "PATIENCE_S", 0.2)
    with pytest.raises(ConnectionFailed):
        image.bytes()


def test_a_download_that_arrives_byte_by_byte_is_not_given_up(
    server: FakeService, client: Client, done: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET", IMAGE, cut(1), *[cut(1, start) for start in range(1, len(IMAGE_BYTES))])
    assert client.images(done)[0].bytes() == IMAGE_BYTES
    assert len(ranges(server)) == len(IMAGE_BYTES)
