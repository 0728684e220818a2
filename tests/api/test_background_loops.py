"""Background loops outlive errors that nobody expected; `/readyz` names those that fail."""

import re
import time
from collections.abc import Callable

import pytest
import redis
from structlog.testing import capture_logs

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.webhooks.receivers import webhook_receiver
from tests.api.webhooks.webhook_jobs import delivery, render_job, webhook_api
from tests.polling import wait_until

Damage = Callable[[redis.Redis], object]

LOOPS: dict[str, tuple[str, Damage]] = {
    "sweeper": ("rq:swept", lambda client: client.hset("rq:swept", "at_ms", "no time")),
    "webhooks": (
        "rq:delivering",
        lambda client: client.hset("rq:delivery:x", "id", "x") and client.zadd("rq:delivering", {"x": 1}),
    ),
    "retention": ("rq:assets", lambda client: client.zadd("rq:assets", {"nothing": 1})),
}
"""Name of a loop → a key that only its script reads, and content of it that nobody expects."""


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_fails_makes_the_service_unready_and_goes_on(
    settings_for: SettingsFor,
    store: RedisJobStore,
    redis_url: str,
    capfd: pytest.CaptureFixture[str],
    loop: str,
) -> None:
    with (
        webhook_receiver() as receiver,
        webhook_api(settings_for) as api,
        api.client() as http,
        redis.Redis.from_url(redis_url) as client,
    ):
        key, damage = LOOPS[loop]
        wait_until(lambda: client.exists("rq:swept"))
        damage(client)
        wait_until(lambda: http.get("/readyz").status_code == 503)
        time.sleep(2)  # the loop fails again
        document = problem(http.get("/readyz"), "service_unavailable")
        assert f"background loops fail, see the log: {loop}." in document["detail"]
        client.delete(key)
        wait_until(lambda: http.get("/readyz").status_code == 200)
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert capfd.readouterr().out.count("loop.failed") == 1


def test_a_loop_names_the_kind_of_an_overwritten_key_that_only_it_needs(
    settings_for: SettingsFor, redis_url: str
) -> None:
    with (
        capture_logs() as records,
        redis.Redis.from_url(redis_url) as client,
        webhook_api(settings_for) as api,
        api.client() as http,
    ):
        client.set("rq:job:x", "written by hand")
        client.set("rq:delivery:x", "written by hand")
        client.zadd("rq:unarchived", {"x": 1})
        client.zadd("rq:delivering", {"x": 1})
        wait_until(lambda: {"retention.failed", "deliveries.claim_failed"} <= {record["event"] for record in records})
        assert http.get("/readyz").status_code == 200
        assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
    reasons = [record["reason"] for record in records if record["event"].endswith("failed")]
    assert sorted(re.findall(r"of the kind (\S+)", " ".join(reasons))) == ["rq:delivery", "rq:job"]
