"""The publisher of wake-ups outlives a Redis that refuses commands."""

import time

import pytest
import redis

from renderq_shared.redis.wakeup_queues import queue_name
from renderq_shared.wakeups import WakeupPublisher
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS

RECOVERY_S = 3.0
"""Far above the second after which the publisher tries again, because test machines are busy."""


@pytest.mark.parametrize("code", ["NOREPLICAS", "READONLY", "MISCONF"])
def test_wake_ups_are_published_again_after_redis_refused(
    redis_url: str, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    publisher = WakeupPublisher(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        with REFUSALS[code](redis_url):
            for _ in range(5):
                publisher.notify("a")
                time.sleep(0.3)
            assert client.llen(queue_name("a")) == 0
        recovered = time.monotonic()
        publisher.notify("a")
        wait_until(lambda: client.llen(queue_name("a")))
        assert time.monotonic() - recovered < RECOVERY_S
        publisher.close()
    assert capfd.readouterr().out.count("wakeups.publish_failed") <= 1
