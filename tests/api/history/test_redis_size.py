"""Redis is as small after any number of archived jobs as before."""

from collections.abc import Iterator

import pytest
import redis

from renderq.contract import Status
from renderq_shared.jobs import Idempotency, JobTiming, Outcome, commands
from renderq_shared.jobs.lifetimes import CLAIM_TTL_MS, IDEMPOTENCY_KEY_TTL_MS
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.jobs.timings import MAX_SAMPLES
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.job_store.factories import claim, claim_ref, submit
from tests.job_store.time_travel import make_older
from tests.polling import wait_until

JOBS = 1_000
_LENGTH = {"hash": "hlen", "list": "llen", "set": "scard", "string": "exists", "zset": "zcard"}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


def archive(store: RedisJobStore, client: redis.Redis, first: int, count: int) -> None:
    """Let jobs succeed, fail and be canceled, and wait until only the history has them."""
    for number in range(first, first + count):
        job_id = f"job_{number}"
        submit(store, job_id, idempotency=Idempotency(job_id, "fingerprint"))
        if number % 3 == 2:
            store.call(commands.cancel("ada", job_id))
            continue
        status, error = (Status.FAILED, "{}") if number % 3 else (Status.SUCCEEDED, None)
        outcome = Outcome(status, error_json=error, timing=JobTiming("cpu", 70, 70, 5))
        store.call(commands.finish(claim_ref(claim(store, f"claim-{number}")), outcome))
    wait_until(lambda: not client.exists("rq:jobs:ada"), "the release of all jobs")


def lengths(client: redis.Redis) -> dict[str, int]:
    """Return the length of every key but those of the load of the last day, which depend on time, not on jobs."""
    keys = set(client.scan_iter(count=1_000)) - {"rq:load", "rq:load-minutes"}
    return {key: getattr(client, _LENGTH[client.type(key)])(key) for key in keys}


def test_of_archived_jobs_redis_keeps_only_what_expires(
    settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis
) -> None:
    with RunningApi(settings_for(sweep_seconds=0.05, recent_seconds=0)):
        archive(store, client, 0, 3 * MAX_SAMPLES)
        make_older(client, IDEMPOTENCY_KEY_TTL_MS)
        before = lengths(client)
        archive(store, client, 3 * MAX_SAMPLES, JOBS)
        left = set(lengths(client)) - set(before)
        assert {key.split(":")[1] for key in left} == {"claim", "idempotency"}
        assert all(0 < client.pttl(key) <= IDEMPOTENCY_KEY_TTL_MS for key in left)
        make_older(client, CLAIM_TTL_MS)
        assert not client.keys("rq:claim:*")
        make_older(client, IDEMPOTENCY_KEY_TTL_MS)
        assert lengths(client) == before
