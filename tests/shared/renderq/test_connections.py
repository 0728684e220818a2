"""Connections of both clients: environment variables, keys, pools, processes, event loops, use after close."""

import asyncio
import contextlib
import copy
import math
import multiprocessing
import pickle
import resource
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from renderq import AsyncClient, Client, ConfigurationError, ConnectionFailed, InvalidArgument
from renderq._config import configure
from renderq.cli import main
from renderq.testing import FakeResponse, FakeService, JobScript
from tests.shared.renderq.factories import IMAGE_BYTES, job, output

STREAMS = 110
"""More than the connections that HTTP libraries share by default."""


@pytest.fixture(autouse=True)
def _clear_network_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def endless(server: FakeService) -> FakeService:
    """A service whose jobs do not end before the test."""
    server.script(*[JobScript(seconds=math.inf)] * 3)
    return server


# -- Environment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("all_proxy", "socks://127.0.0.1:9"),
        ("HTTPS_PROXY", "nonsense://"),
    ],
)
async def test_a_service_on_this_machine_is_never_asked_through_a_proxy(
    server: FakeService, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with Client(server.url) as client:
        assert client.run("a cat").id
    async with AsyncClient(server.url) as client:
        assert (await client.run("a cat")).id


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:9", "socks://127.0.0.1:9"])
def test_other_services_need_a_proxy_that_can_be_used(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match="ALL_PROXY"):
            kind("https://render.example")
    assert main(["jobs", "--url", "https://render.example"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "ALL_PROXY" in error


def test_a_proxy_that_does_not_answer_is_named_and_the_service_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hush@127.0.0.1:9")
    with (
        Client("http://render.example", max_retries=0) as client,
        pytest.raises(ConnectionFailed, match="through the proxy in HTTP_PROXY") as caught,
    ):
        client.stats()
    assert "hush" not in str(caught.value)


def test_a_store_elsewhere_is_asked_through_a_proxy_although_the_service_is_here(
    server: FakeService, store: FakeService, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", store.url)
    store.on("GET", "http://store.example/image", FakeResponse(200, IMAGE_BYTES))
    done = job("succeeded", outputs=(output(0, "http://store.example/image"),))
    with Client(server.url) as client:
        assert client.images(done)[0].bytes() == IMAGE_BYTES


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_certificates_that_cannot_be_read_are_named_by_their_variable(
    server: FakeService,
    name: str,
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "certificates"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(name, str(path))
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match=f"{name} names {path}: .*unset it"):
            kind(server.url)
    assert main(["jobs", "--url", server.url]) == 2
    assert name in capsys.readouterr().err


# -- Keys and other values


@pytest.mark.parametrize("key", ["schlüssel", "abc\ndef", "abc def", "abc\x00", "\ufeffabc", "\u202aabc"])
def test_a_key_that_no_header_can_carry_is_an_error_that_does_not_show_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match=r"^api_key contains") as given:
            kind("http://127.0.0.1:9", key)
        monkeypatch.setenv("RENDERQ_API_KEY", key.replace("\0", "\1"))
        with pytest.raises(ConfigurationError, match=r"^RENDERQ_API_KEY contains") as set_outside:
            kind("http://127.0.0.1:9")
        monkeypatch.delenv("RENDERQ_API_KEY")
        assert not any(part in f"{given.value} {set_outside.value}" for part in (key, "abc", "schl"))


def test_a_key_is_stripped_wherever_it_comes_from() -> None:
    assert configure(None, " rq_a\n", 1.0, 0, {}).api_key == "rq_a"
    assert configure(None, None, 1.0, 0, {"RENDERQ_API_KEY": "\trq_a\r\n"}).api_key == "rq_a"
    assert configure(None, None, 1.0, 0, {"RENDERQ_API_KEY": " "}).api_key is None


@pytest.mark.parametrize("key", ["", " \n", b"rq_a", 17])
def test_a_key_that_is_none_is_an_error(key: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^api_key "):
        configure(None, key, 1.0, 0, {})


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": 17}, "base_url"),
        ({"base_url": "ftp://user:hush@host"}, "base_url"),
        ({"base_url": "http://user:hush@render..example"}, "base_url"),
        ({"base_url": f"http://{'a' * 64}.example"}, "base_url"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 10**400}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"timeout": math.inf}, "timeout"),
        ({"timeout": "30"}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retries": None}, "max_retries"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}\\b") as caught:
        Client(**options)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", "auftrag-ü", "a\nb", " a", "a" * 256, "\udcff", 17, b"key"])
async def test_an_idempotency_key_that_no_header_can_carry_is_an_error(
    server: FakeService, client: Client, key: str
) -> None:
    handle = client.submit("a cat")
    async with AsyncClient(server.url) as asynchronous:
        for submit in (client.submit, handle.retry):
            with pytest.raises(InvalidArgument, match=r"^idempotency_key "):
                submit(idempotency_key=key)
        with pytest.raises(InvalidArgument, match=r"^idempotency_key "):
            await asynchronous.submit("a cat", image=b"not even uploaded", idempotency_key=key)
    assert [request.path for request in server.received] == ["/v1/jobs"]


@pytest.mark.parametrize("name", ["", ".", "..", None, 17, "\udcff"])
def test_an_id_that_names_nothing_is_an_error(server: FakeService, client: Client, name: str) -> None:
    for call in (client.job, client.jobs.delete, client.assets.get, client.models.get, client.tenants.pause):
        with pytest.raises(InvalidArgument):
            call(name)
    assert server.received == []


def test_values_of_a_foreign_service_that_no_header_can_carry_are_not_sent_back(
    server: FakeService, client: Client
) -> None:
    body = job("running", version=2)
    event = f"event: status\nid: \xfc\ndata: {body.model_dump_json()}\n\n".encode()
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, body, {"ETag": '"\xfc"'}), FakeResponse(200, job("succeeded")))
    server.on(
        "GET",
        "/v1/jobs/job_1/events",
        FakeResponse(200, b"retry: 0\n\n" + event, {"Content-Type": "text/event-stream"}),
        FakeResponse(404),
    )
    assert client.run("a cat", on_progress=lambda job: None).status == "succeeded"
    assert len(server.requests("GET", "/v1/jobs/job_1")) == 2


# -- Pools


def test_open_streams_do_not_keep_short_calls_waiting(endless: FakeService) -> None:
    with Client(endless.url, timeout=5, max_retries=0) as client, contextlib.ExitStack() as stack:
        handle = client.submit("a cat")
        for _ in range(STREAMS):
            next(stack.enter_context(contextlib.closing(handle.events())))
        assert client.stats().running_jobs == 1


async def test_awaited_jobs_do_not_keep_short_calls_waiting(endless: FakeService) -> None:
    async with AsyncClient(endless.url, timeout=5, max_retries=0) as client:
        handle = await client.submit("a cat")
        waits = [asyncio.create_task(handle.wait()) for _ in range(STREAMS)]
        path = f"/v1/jobs/{handle.id}/events"
        await asyncio.to_thread(endless.wait_for, "GET", path, STREAMS)
        assert (await client.submit("a dog")).id
        assert (await handle.cancel()).id == handle.id
        done = await asyncio.gather(*waits, return_exceptions=True)
    assert {type(each).__name__ for each in done} == {"JobCanceled"}


def test_too_many_open_files_are_not_the_services_fault(server: FakeService, client: Client) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Client(server.url, max_retries=0) as client:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            with pytest.raises(ConnectionFailed, match="too many open files") as caught:
                client.stats()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "no response" not in str(caught.value)


# -- Processes, event loops, the end


def fetch_in_child(client: Client, results: "multiprocessing.SimpleQueue[int]") -> None:
    results.put(client.stats().workers)


def test_a_forked_process_opens_connections_of_its_own(server: FakeService, client: Client) -> None:
    client.stats()
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    with warnings.catch_warnings(action="ignore"):  # this process has threads; the child uses none of theirs
        child = fork.Process(target=fetch_in_child, args=(client, results))
        child.start()
    assert results.get() == 1
    child.join()
    assert client.stats().workers == 1
    parent, forked, again = server.requests("GET", "/v1/stats")
    assert parent.headers == forked.headers == again.headers


TWO_LOOPS = """
import asyncio, sys
from renderq import AsyncClient

async def twice():
    return (await client.stats()).workers + (await client.stats()).workers

client = AsyncClient(sys.argv[1])
print(asyncio.run(twice()), asyncio.run(twice()))
asyncio.run(client.close())
"""


def test_an_async_client_outlives_its_event_loop(server: FakeService) -> None:
    argv = [
        sys.executable,
        "-c",
        TWO_LOOPS,
        server.url,
    ]  # a process of its own: connections of the first loop stay open
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("2 2\n", "")


async def test_a_closed_client_says_so(server: FakeService) -> None:
    with Client(server.url) as client:
        handle = client.submit("a cat")
        handle.wait()
    for call in (client.stats, handle.status, handle.images[0].bytes, lambda: next(handle.events())):
        with pytest.raises(RuntimeError, match="this client is closed"):
            call()
    client.close()
    async with AsyncClient(server.url) as asynchronous:
        pass
    with pytest.raises(RuntimeError, match="this client is closed"):
        await asynchronous.stats()
    await asynchronous.close()


def test_threads_share_one_pool(server: FakeService, client: Client) -> None:
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        client.stats()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client._transport._clients) == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_is_not_copied_with_its_connections(server: FakeService, client: Client, copied) -> None:
    handle = client.submit("a cat")
    with pytest.raises(TypeError, match="create one in each process"):
        copied(client._transport)
    if copied is not copy.copy:
        for each in (client, handle):
            with pytest.raises(TypeError, match="create one in each process"):
                copied(each)
