"""Retry schedule of webhook deliveries. Time passes in the store only."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import WebhookReceiver
from tests.api.webhooks.webhook_jobs import delivery, render_job, webhook_api
from tests.job_store.time_travel import make_older
from tests.polling import wait_until

DAY_S = 86_400
SCHEDULE_S = (5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, DAY_S)
SLACK_S = 30
"""Tolerance for a busy machine between two reads of the clock."""

Later = Callable[[float], None]


@pytest.fixture
def later(redis_url: str) -> Iterator[Later]:
    with redis.Redis.from_url(redis_url) as client:
        yield lambda seconds: make_older(client, round(seconds * 1000))


def after_attempts(api: RunningApi, job_id: str, count: int) -> dict[str, Any]:
    """Return the delivery once it has this many finished attempts."""
    wait_until(lambda: len(delivery(api, job_id)["attempts"]) == count)
    return delivery(api, job_id)


def pause_s(delivered: dict[str, Any]) -> float:
    """Return the seconds until the next attempt."""
    return (datetime.fromisoformat(delivered["next_attempt_at"]) - datetime.now(UTC)).total_seconds()


def test_ten_attempts_ever_further_apart_then_it_has_failed(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver, later: Later
) -> None:
    receiver.responses = [(500, {})] * 10
    with webhook_api(settings_for, webhook_delays=",".join(map(str, SCHEDULE_S))) as api, api.client() as http:
        job_id = render_job(api, store, receiver.url)
        longest = 0.0
        for count, delay_s in enumerate(SCHEDULE_S, start=1):
            delivered = after_attempts(api, job_id, count)
            assert delay_s - SLACK_S <= pause_s(delivered) <= 1.25 * delay_s
            longest = max(longest, pause_s(delivered) / delay_s)
            later(1.25 * delay_s)
        delivered = after_attempts(api, job_id, 10)
        assert (delivered["status"], delivered["next_attempt_at"]) == ("failed", None)
        assert longest > 1.02, "nothing was added at random"
        http.post(f"/v1/deliveries/{delivered['id']}/replay")
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert len(receiver.received) == 11
    assert set(receiver.ids()) == {delivered["id"]}


def test_the_default_schedule_is_the_documented_one(settings_for: SettingsFor) -> None:
    assert settings_for().webhook_delays == ",".join(map(str, SCHEDULE_S))


@pytest.mark.parametrize(("retry_after", "wait_s"), [("7200", 7_200), ("9" * 300, DAY_S), ("0", 60)])
def test_retry_after_is_honored_within_a_day(
    settings_for: SettingsFor,
    store: RedisJobStore,
    receiver: WebhookReceiver,
    later: Later,
    retry_after: str,
    wait_s: float,
) -> None:
    receiver.responses = [(503, {"Retry-After": retry_after})]
    with webhook_api(settings_for, webhook_delays="60") as api:
        job_id = render_job(api, store, receiver.url)
        delivered = after_attempts(api, job_id, 1)
        assert wait_s - SLACK_S <= pause_s(delivered) <= wait_s * 1.25
        later(wait_s * 1.25)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")


def test_what_waits_is_sent_at_once_when_replayed_and_keeps_its_place_in_the_schedule(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    receiver.responses = [(500, {}), (500, {})]
    with webhook_api(settings_for, webhook_delays="3600") as api, api.client() as http:
        job_id = render_job(api, store, receiver.url)
        delivered = after_attempts(api, job_id, 1)
        assert http.post(f"/v1/deliveries/{delivered['id']}/replay").json()["status"] == "pending"
        assert after_attempts(api, job_id, 2)["status"] == "failed"
    assert set(receiver.ids()) == {delivered["id"]}
