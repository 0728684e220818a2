"""A server that refuses commands for a while is unavailable; the error says why."""

import pickle
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

from renderq_shared.errors import StoreUnavailable, StoreUnsuitable
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import AsyncRedisJobStore, RedisJobStore
from renderq_shared.redis.clients import async_client, sync_client
from renderq_shared.redis.errors import translate_errors
from tests.job_store.factories import NO_LIMITS, new_job, submit
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS, missing_permission_in_script, missing_replicas
from tests.valkey_server import Valkey, free_port


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True, retry=None)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_submission_names_the_refusal(redis_url: str, client: redis.Redis, code: str) -> None:
    store = RedisJobStore(client)
    with client, REFUSALS[code](redis_url):
        # A replica refuses the write before it looks for its primary.
        expected = "READONLY" if code == "MASTERDOWN" else code
        with pytest.raises(StoreUnavailable, match=expected) as caught:
            submit(store, "job_1")
        assert expected in (caught.value.refusal or "")
        with pytest.raises(StoreUnavailable, match=expected):
            store.call(commands.check_submission())
    submit(store, "job_1")
    store.call(commands.check_submission())


def test_a_replica_without_data_refuses_reads(redis_url: str, client: redis.Redis) -> None:
    with (
        client,
        REFUSALS["MASTERDOWN"](redis_url),
        pytest.raises(StoreUnavailable, match="MASTERDOWN"),
        translate_errors(),
    ):
        client.get("rq:store")


def test_a_right_that_is_missing_inside_a_script_is_a_refusal(redis_url: str, client: redis.Redis) -> None:
    with client, missing_permission_in_script(redis_url), pytest.raises(StoreUnavailable, match=r"NOPERM.*'time'"):
        submit(RedisJobStore(client), "job_1")


def test_a_server_without_a_free_connection_refuses(redis_url: str, client: redis.Redis) -> None:
    def refusal() -> str | None:
        """Return why the server refuses; `None` if it closes the connection before its reply is read."""
        with redis.Redis.from_url(redis_url, retry=None) as late, pytest.raises(StoreUnavailable) as caught:
            submit(RedisJobStore(late), "job_1")
        return caught.value.refusal

    with client:
        maximum = client.config_get("maxclients")["maxclients"]
        client.config_set("maxclients", 1)
        try:
            assert "raise maxclients" in wait_until(refusal)
        finally:
            client.config_set("maxclients", maximum)


async def test_a_refused_durable_submission_names_the_refusal_and_not_the_job(
    redis_url: str, client: redis.Redis
) -> None:
    submit(RedisJobStore(client), "job_1")
    async with async_client(redis_url) as client, async_client(redis_url) as durable_client:
        store = AsyncRedisJobStore(client, durable_client)
        with missing_replicas(redis_url):
            with pytest.raises(StoreUnavailable, match="NOREPLICAS") as caught:
                await store.call(commands.submit(new_job("job_2"), NO_LIMITS))
            assert "job_2" not in str(caught.value)


def test_a_database_that_the_server_does_not_have_is_named_by_every_call(redis_url: str) -> None:
    url = f"{redis_url.rpartition('/')[0]}/999999"
    with sync_client(url) as client, pytest.raises(StoreUnsuitable, match="names a database"):
        RedisJobStore(client).call(commands.check_submission())


def test_an_invalid_command_is_not_a_refusal(client: redis.Redis) -> None:
    with client, pytest.raises(ResponseError, match="unknown command"), translate_errors():
        client.execute_command("NONSENSE")


def test_a_server_of_a_cluster_refuses(tmp_path: Path) -> None:
    """One can take the place of a server while renderq runs."""
    server = Valkey(tmp_path, **{"cluster-enabled": "yes", "cluster-port": str(free_port())})
    try:
        server.start()
        with sync_client(server.url) as client:
            for is_complete in (False, True):
                if is_complete:
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
                    wait_until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
                for refused in (lambda: submit(RedisJobStore(client), "job_1"), lambda: sweep(client)):
                    with pytest.raises(StoreUnavailable, match="cluster"):
                        refused()
    finally:
        server.close()


def sweep(client: redis.Redis) -> None:
    RedisJobStore(client).call(commands.sweep(1_000, 1))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ResponseError("DENIED Redis is running in protected mode"), "protected mode"),
        (ResponseError("REDIRECT 127.0.0.1:6380"), "is a replica"),
        (ResponseError("NOQUORUM as a proxy may say it"), "NOQUORUM"),
        (ResponseError("max number of clients + cluster connections reached"), "maxclients"),
    ],
)
def test_other_codes_of_servers_and_proxies_are_refusals(error: ResponseError, told: str) -> None:
    with pytest.raises(StoreUnavailable, match=told), translate_errors():
        raise error


def test_a_refusal_survives_pickling(redis_url: str, client: redis.Redis) -> None:
    with client, missing_replicas(redis_url), pytest.raises(StoreUnavailable) as caught:
        submit(RedisJobStore(client), "job_1")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.refusal) == (str(caught.value), caught.value.refusal)
