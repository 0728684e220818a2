"""Slow DNS lookups block nothing else."""

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from renderq_api.egress import EgressDenied, Resolver


async def test_names_and_addresses_in_every_spelling() -> None:
    resolve = Resolver()
    for host in ("127.0.0.1", "0x7f.1", "2130706433"):
        assert await resolve(host, 80) == [ip_address("127.0.0.1")]
    assert set(await resolve("localhost", 80)) <= {ip_address("127.0.0.1"), ip_address("::1")}


@pytest.mark.parametrize("host", ["nowhere.invalid", "a\0b", "a..b", "x" * 64 + ".test", "\ud800", "ex%61mple.test"])
async def test_what_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(EgressDenied, match="cannot be resolved"):
        await Resolver()(host, 80)


class SilentNameServer:
    """Fake resolver: names that end in .silent get no answer until the test ends."""

    def __init__(self) -> None:
        self.lookups = threading.Semaphore(0)
        self.end = threading.Event()

    def __call__(self, host: str, port: int, **options: int) -> list[object]:
        if host.endswith(".silent"):
            self.lookups.release()
            self.end.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]


async def test_a_name_server_that_does_not_answer_holds_up_no_other_lookup_and_no_other_work() -> None:
    server = SilentNameServer()
    resolve = Resolver(server)
    stuck = [asyncio.create_task(resolve(f"{number}.silent", 80)) for number in range(100)]
    try:
        for _ in stuck:
            await asyncio.to_thread(server.lookups.acquire)
        for task in stuck[:50]:
            task.cancel()
        assert await resolve("quick.test", 80) == [ip_address("192.0.2.1")]
        assert await asyncio.to_thread(lambda: "done") == "done"
        names = {thread.name for thread in threading.enumerate() if not thread.daemon}
        assert "name-lookup" not in names, "a non-daemon thread would delay the end of the process"
    finally:
        server.end.set()
    responses = await asyncio.gather(*stuck, return_exceptions=True)
    assert [type(each) for each in responses] == [asyncio.CancelledError] * 50 + [list] * 50
