"""The transport connects only to the address that was checked."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest

from renderq_api.egress import Address, EgressDenied, GuardedTransport
from renderq_shared.settings.addresses import parse_networks
from tests.tls import self_signed, server_context

LOOPBACK = parse_networks("127.0.0.1/32")


class Receiver(BaseHTTPRequestHandler):
    """Records the requests that reach it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers["Host"])  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/away" else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[tuple[int, list[str]]]:
    server = (Server6 if ":" in host else ThreadingHTTPServer)((host, 0), Receiver)
    server.seen = []  # type: ignore[attr-defined]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port, server.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Resolver:
    """Answers each lookup with the next of its answers, like an attacker's name server."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.hosts: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.hosts.append(host)
        return [ip_address(each) for each in self.answers.pop(0).split()]


async def post(url: str, transport: GuardedTransport) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=transport, trust_env=False, timeout=5) as client:
        return await client.post(url, content=b"{}")


async def test_the_name_is_resolved_once_and_the_checked_address_gets_the_request() -> None:
    resolver = Resolver("127.0.0.1")
    with receiving() as (port, seen):
        response = await post(f"http://hooks.test:{port}/", GuardedTransport(LOOPBACK, resolve=resolver))
    assert (response.status_code, resolver.hosts, seen) == (204, ["hooks.test"], [f"hooks.test:{port}"])


async def test_a_name_that_changes_its_mind_is_judged_again() -> None:
    resolver = Resolver("127.0.0.1", "127.0.0.2", "127.0.0.1 127.0.0.2")
    transport = GuardedTransport(LOOPBACK, resolve=resolver)
    with receiving(host="0.0.0.0") as (port, seen):
        await post(f"http://hooks.test:{port}/", transport)
        for _ in range(2):
            with pytest.raises(EgressDenied):
                await post(f"http://hooks.test:{port}/", transport)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "localhost.", "LOCALHOST", "0.0.0.0", "0", "2130706433", "0x7f000001"),
        *("017700000001", "0x7f.1", "0177.1", "127.1", "127.0.0.1.", "127。0。0。1"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        "[fe80::1%25lo]",
    ],
)
async def test_no_spelling_of_this_machine_is_reached(host: str) -> None:
    with receiving() as (port, seen), pytest.raises(EgressDenied):
        await post(f"http://{host}:{port}/", GuardedTransport(()))
    assert seen == []


async def test_other_schemes_and_ports_are_refused() -> None:
    transport = GuardedTransport(LOOPBACK, resolve=Resolver())
    for url in ("ftp://hooks.test/", "http://hooks.test:22/"):
        with pytest.raises(EgressDenied):
            await transport.handle_async_request(httpx2.Request("POST", url))


async def test_an_ipv6_address_is_reached_if_it_is_allowed() -> None:
    with receiving(host="::1") as (port, seen):
        response = await post(f"http://[::1]:{port}/", GuardedTransport(parse_networks("::1/128")))
    assert (response.status_code, seen) == (204, [f"[::1]:{port}"])


async def test_redirects_are_answers() -> None:
    with receiving() as (port, seen):
        response = await post(
            f"http://hooks.test:{port}/away", GuardedTransport(LOOPBACK, resolve=Resolver("127.0.0.1"))
        )
    assert (response.status_code, len(seen)) == (302, 1)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as (port, seen), receiving() as (proxy, proxied):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        await post(f"http://hooks.test:{port}/", GuardedTransport(LOOPBACK, resolve=Resolver("127.0.0.1")))
    assert (len(seen), proxied) == (1, [])


async def test_the_next_address_is_tried_when_one_does_not_listen() -> None:
    allowed = parse_networks("127.0.0.0/8")
    with receiving() as (port, seen):
        await post(f"http://hooks.test:{port}/", GuardedTransport(allowed, resolve=Resolver("127.0.0.9 127.0.0.1")))
    assert len(seen) == 1


async def test_certificates_are_those_of_the_name(tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path, "DNS:hooks.test")
    server = server_context(key, certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiving(server) as (port, seen):
        transport = GuardedTransport(LOOPBACK, tls=trusting, resolve=Resolver("127.0.0.1", "127.0.0.1"))
        assert (await post(f"https://hooks.test:{port}/", transport)).status_code == 204
        with pytest.raises(httpx2.ConnectError):
            await post(f"https://other.test:{port}/", transport)
        distrusting = GuardedTransport(LOOPBACK, resolve=Resolver("127.0.0.1"))
        with pytest.raises(httpx2.ConnectError):
            await post(f"https://hooks.test:{port}/", distrusting)
    assert len(seen) == 1
