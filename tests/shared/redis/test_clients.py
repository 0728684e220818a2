"""URLs, clients, and suitable servers."""

import pytest
from pydantic import ValidationError

from renderq_shared.errors import StoreUnavailable, StoreUnsuitable
from renderq_shared.redis.clients import (
    async_client,
    celery_url,
    check_server,
    check_server_async,
    sync_client,
    validate_server,
)
from renderq_shared.redis.url import redis_py_url
from renderq_shared.settings import SharedSettings
from tests.valkey_server import Valkey

GOOD = {"redis_version": "7.2.4", "cluster_enabled": 0, "maxmemory_policy": "noeviction", "aof_enabled": 1}


@pytest.mark.parametrize(
    ("ours", "redis_py"),
    [
        ("redis://host:6380/2", "redis://host:6380/2"),
        ("rediss://user:secret@host/0", "rediss://user:secret@host/0"),
        ("redis+socket:///run/redis.sock?virtual_host=3", "unix:///run/redis.sock?db=3"),
        ("redis+socket://user:secret@/run/redis.sock", "unix://user:secret@/run/redis.sock?"),
    ],
)
def test_redis_py_gets_the_address_in_its_own_form(ours: str, redis_py: str) -> None:
    assert redis_py_url(ours) == redis_py


@pytest.mark.parametrize(
    ("ours", "celery"),
    [
        ("redis://host/0", "redis://host/0"),
        ("redis+socket:///run/redis.sock?virtual_host=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("rediss://host/0", "rediss://host/0?ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_ca_certs=ca.pem", "rediss://host/0?ssl_ca_certs=ca.pem&ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_cert_reqs=none", "rediss://host/0?ssl_cert_reqs=none"),
    ],
)
def test_celery_checks_certificates_too(ours: str, celery: str) -> None:
    assert celery_url(ours) == celery


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://host", "must start with redis://, rediss://"),
        ("redis://host/0?ssl_ca_certs=ca.pem", "unknown option: ssl_ca_certs"),
        ("rediss://host/0?ssl_ca=ca.pem", "unknown option: ssl_ca"),
        ("redis://host:port/0", "invalid literal|Port could not be cast"),
        ("redis+socket:///run/redis.sock?db=0&x=1", "unknown option: x"),
    ],
)
def test_an_address_that_cannot_work_is_refused_before_anything_starts(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SharedSettings(redis_url=url)


def test_a_unix_socket_is_the_same_database(redis_url: str, valkey: Valkey) -> None:
    with sync_client(redis_url) as over_tcp, sync_client(valkey.socket_url) as over_socket:
        over_tcp.set("key", "value")
        assert over_socket.get("key") == "value"


async def test_a_server_that_will_do_is_accepted(redis_url: str, valkey: Valkey) -> None:
    with sync_client(redis_url) as client:
        assert check_server(client) == ()
    for url in (redis_url, valkey.socket_url):
        awaited = async_client(url)
        assert await check_server_async(awaited) == ()
        await awaited.aclose()


def test_no_server_is_unavailable_and_not_unsuitable(redis_url: str, valkey: Valkey) -> None:
    valkey.kill()
    with sync_client(redis_url) as client, pytest.raises(StoreUnavailable):
        check_server(client)


@pytest.mark.parametrize(
    "bad",
    [
        {"redis_version": "7.0.15"},
        {"redis_version": "7.2.4", "valkey_version": "7.2.9"},
        {"cluster_enabled": 1},
    ],
)
def test_old_servers_and_clusters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(StoreUnsuitable, match=r"needs Redis 7\.2 or Valkey 8\.0|single primary"):
        validate_server({**GOOD, **bad})


@pytest.mark.parametrize("good", [{}, {"valkey_version": "8.0.1"}, {"redis_version": "8.2"}])
def test_new_servers_are_accepted(good: dict[str, object]) -> None:
    assert validate_server({**GOOD, **good}) == ()


def test_servers_that_may_lose_jobs_are_accepted_with_a_warning() -> None:
    warnings = validate_server({**GOOD, "maxmemory_policy": "allkeys-lru", "aof_enabled": 0})
    assert [name for warning in warnings for name in ("noeviction", "appendonly") if name in warning] == [
        "noeviction",
        "appendonly",
    ]
