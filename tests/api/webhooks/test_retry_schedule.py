"""When a delivery is tried again. Time passes in the store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi, wait_until
from tests.api.webhooks.receivers import WebhookReceiver
from tests.api.webhooks.webhook_jobs import delivery, render_job, webhook_api
from tests.job_store.time_travel import make_older

DAY_S = 86_400
SCHEDULE_S = (5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, DAY_S)
SLACK_S = 30
"""A busy machine may take so long between two looks at the clock."""

Later = Callable[[float], None]


@pytest.fixture
def later(redis_url: str) -> Iterator[Later]:
    with redis.Redis.from_url(redis_url) as client:
        yield lambda seconds: make_older(client, round(seconds * 1000))


def attempted(api: RunningApi, job_id: str, count: int) -> dict[str, Any]:
    """The delivery once it has been tried so often and is not being tried just now."""
    wait_until(lambda: len(delivery(api, job_id)["attempts"]) == count)
    return delivery(api, job_id)


def pause_s(told: dict[str, Any]) -> float:
    """From now to the next attempt."""
    return (datetime.fromisoformat(told["next_attempt_at"]) - datetime.now(UTC)).total_seconds()


def test_ten_attempts_ever_further_apart_then_it_has_failed(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver, later: Later
) -> None:
    receiver.answers = [(500, {})] * 10
    with webhook_api(settings_for, webhook_delays=",".join(map(str, SCHEDULE_S))) as api, api.client() as http:
        job_id = render_job(api, store, receiver.url)
        longest = 0.0
        for count, delay_s in enumerate(SCHEDULE_S, start=1):
            told = attempted(api, job_id, count)
            assert delay_s - SLACK_S <= pause_s(told) <= 1.25 * delay_s
            longest = max(longest, pause_s(told) / delay_s)
            later(1.25 * delay_s)
        told = attempted(api, job_id, 10)
        assert (told["status"], told["next_attempt_at"]) == ("failed", None)
        assert longest > 1.02, "nothing was added at random"
        http.post(f"/v1/deliveries/{told['id']}/replay")
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert len(receiver.received) == 11
    assert set(receiver.ids()) == {told["id"]}


def test_the_default_schedule_is_the_documented_one(settings_for: SettingsFor) -> None:
    assert settings_for().webhook_delays == ",".join(map(str, SCHEDULE_S))


@pytest.mark.parametrize(("asked", "wait_s"), [("7200", 7_200), ("9" * 300, DAY_S), ("0", 60)])
def test_retry_after_is_honored_within_a_day(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver, later: Later, asked: str, wait_s: float
) -> None:
    receiver.answers = [(503, {"Retry-After": asked})]
    with webhook_api(settings_for, webhook_delays="60") as api:
        job_id = render_job(api, store, receiver.url)
        told = attempted(api, job_id, 1)
        assert wait_s - SLACK_S <= pause_s(told) <= wait_s * 1.25
        later(wait_s * 1.25)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")


def test_what_waits_is_sent_at_once_when_replayed_and_keeps_its_place_in_the_schedule(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(500, {}), (500, {})]
    with webhook_api(settings_for, webhook_delays="3600") as api, api.client() as http:
        job_id = render_job(api, store, receiver.url)
        told = attempted(api, job_id, 1)
        assert http.post(f"/v1/deliveries/{told['id']}/replay").json()["status"] == "pending"
        assert attempted(api, job_id, 2)["status"] == "failed"
    assert set(receiver.ids()) == {told["id"]}
