"""Background loops outlive errors that nobody expected; `/readyz` names those that fail."""

import time

import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.webhooks.receivers import webhook_receiver
from tests.api.webhooks.webhook_jobs import delivery, render_job, webhook_api
from tests.polling import wait_until

LOOPS = {"sweeper": "rq:leases", "webhooks": "rq:delivering", "retention": "rq:removals"}
"""Name of a loop → key that only its script reads. A value of the wrong type makes the script fail."""


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
        client.set(LOOPS[loop], "of the wrong type")
        wait_until(lambda: http.get("/readyz").status_code == 503)
        time.sleep(2)  # the loop fails again
        document = problem(http.get("/readyz"), "service_unavailable")
        assert f"background loops fail, see the log: {loop}." in document["detail"]
        client.delete(LOOPS[loop])
        wait_until(lambda: http.get("/readyz").status_code == 200)
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert capfd.readouterr().out.count("loop.failed") == 1
