"""`RENDERQ_DURABILITY=fsync`: a submission is acknowledged only once Redis has it on disk."""

import uuid
from collections.abc import Iterator

import httpx2
import pytest
import redis

from renderq_shared.errors import StoreUnsuitable
from renderq_shared.redis.clients import validate_server
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi

BODY = {"prompt": "x"}


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    """The session's Valkey; its configuration is restored afterwards."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        before = client.config_get("append*")
        yield client
        for name in ("appendonly", "appendfsync"):
            client.config_set(name, before[name])


@pytest.fixture
def http(settings_for: SettingsFor, server: redis.Redis) -> Iterator[httpx2.Client]:
    server.config_set("appendfsync", "always")
    with RunningApi(settings_for(durability="fsync")) as api, api.client() as http:
        yield http


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_submission_that_is_on_disk_is_accepted(http: httpx2.Client, server: redis.Redis, policy: str) -> None:
    server.config_set("appendfsync", policy)
    assert http.post("/v1/jobs", json=BODY).status_code == 201


def test_one_that_does_not_get_there_is_refused_and_its_repetition_finds_it(
    http: httpx2.Client, server: redis.Redis
) -> None:
    server.config_set("appendfsync", "no")
    key = {"Idempotency-Key": str(uuid.uuid4())}
    refused = http.post("/v1/jobs", json=BODY, headers=key)
    assert "did not sync" in problem(refused, "service_unavailable")["detail"]
    assert "set appendonly to yes, and appendfsync to always" in http.get("/readyz").json()["detail"]
    assert refused.headers["retry-after"]
    server.config_set("appendfsync", "always")
    accepted = http.post("/v1/jobs", json=BODY, headers=key)
    assert (accepted.status_code, accepted.headers["idempotency-replayed"]) == (201, "true")
    assert len(http.get("/v1/jobs").json()["data"]) == 1


def test_without_the_setting_no_request_waits_for_the_disk(settings_for: SettingsFor, server: redis.Redis) -> None:
    server.config_set("appendfsync", "no")
    with RunningApi(settings_for()) as api, api.client() as http:
        assert http.post("/v1/jobs", json=BODY).status_code == 201


def test_a_server_without_a_file_is_refused_at_the_start(settings_for: SettingsFor, server: redis.Redis) -> None:
    server.config_set("appendonly", "no")
    with pytest.raises(StoreUnsuitable, match="appendonly"), RunningApi(settings_for(durability="fsync")):
        pass


def test_a_server_that_never_syncs_is_refused_at_the_start(settings_for: SettingsFor, server: redis.Redis) -> None:
    server.config_set("appendfsync", "no")
    with pytest.raises(StoreUnsuitable, match="appendfsync"), RunningApi(settings_for(durability="fsync")):
        pass


def test_a_user_without_the_right_to_read_the_configuration_is_enough(
    settings_for: SettingsFor, server: redis.Redis
) -> None:
    server.config_set("appendfsync", "always")
    server.execute_command("ACL", "SETUSER", "default", "-config|get")
    try:
        with RunningApi(settings_for(durability="fsync")) as api, api.client() as http:
            assert http.get("/readyz").status_code == 200
    finally:
        server.execute_command("ACL", "SETUSER", "default", "+@all")


def test_what_the_check_asks_for() -> None:
    info = {"redis_version": "7.2.4", "aof_enabled": 0}
    assert "the append-only file is off" in validate_server(info)[0]
    with pytest.raises(StoreUnsuitable, match="appendfsync to always"):
        validate_server(info, durable=True)
