"""Celery delivers wake-ups to slots, also after Redis was down."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from renderq_shared import wakeups
from renderq_shared.redis.wakeup_queues import queue_name
from renderq_shared.wakeups import WakeupPublisher
from renderq_worker.claims.consumer import Consumer
from tests.polling import TIMEOUT_S, wait_until
from tests.redis_refusals import REFUSALS, full_memory
from tests.valkey_server import Valkey

Start = Callable[..., Consumer]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start(
            url: str,
            models: tuple[str, ...],
            on_wakeup: Callable[[str], None],
            threads: int = 2,
            can_accept: Callable[[], bool] = lambda: True,
            longest_tick_s: float | None = None,
        ) -> Consumer:
            consumer = Consumer(url, models, "w1", threads, on_wakeup, can_accept)
            if longest_tick_s:
                consumer._controller.hub.fire_timers = lambda **_: longest_tick_s  # only events end a tick
            consumer.start()
            stack.callback(consumer.close, TIMEOUT_S)
            return consumer

        yield start


def publish(url: str, model: str, count: int = 1) -> None:
    publisher = WakeupPublisher(url)
    publisher.notify(model, count)
    publisher.close()


class Woken:
    """Records wake-ups by model; each one waits until `open` is set."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.open = threading.Event()

    def __call__(self, model: str) -> None:
        self.models.append(model)
        assert self.open.wait(TIMEOUT_S)


@pytest.fixture
def woken() -> Iterator[Woken]:
    woken = Woken()
    woken.open.set()
    yield woken
    woken.open.set()


def test_a_wake_up_reaches_a_slot(redis_url: str, start: Start, woken: Woken) -> None:
    start(redis_url, ("a", "b"), woken)
    publish(redis_url, "b")
    wait_until(lambda: woken.models == ["b"])


def test_wake_ups_of_models_that_are_not_served_stay_for_others(redis_url: str, start: Start, woken: Woken) -> None:
    start(redis_url, ("a",), woken)
    publish(redis_url, "b")
    publish(redis_url, "a")
    wait_until(lambda: woken.models == ["a"])
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(queue_name("b")) == 1


def test_a_worker_without_a_free_thread_leaves_wake_ups_to_others(redis_url: str, start: Start, woken: Woken) -> None:
    woken.open.clear()
    start(redis_url, ("a",), woken, threads=2)
    publish(redis_url, "a", count=5)
    wait_until(lambda: len(woken.models) == 2)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(queue_name("a")) == 3
        woken.open.set()
        wait_until(lambda: len(woken.models) == 5)


class Capacity:
    """A `can_accept` that counts its calls."""

    def __init__(self) -> None:
        self.can_accept = False
        self.calls = 0

    def __call__(self) -> bool:
        self.calls += 1
        return self.can_accept


def test_a_worker_without_free_slots_leaves_wake_ups_to_others(redis_url: str, start: Start, woken: Woken) -> None:
    capacity = Capacity()
    consumer = start(redis_url, ("a",), woken, can_accept=capacity)
    publish(redis_url, "a", count=3)
    calls = capacity.calls
    wait_until(lambda: capacity.calls > calls + 1, "a turn of Celery's loop")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(queue_name("a")) == 3
    capacity.can_accept = True
    consumer.recheck_capacity()
    wait_until(lambda: len(woken.models) == 3)


def test_freed_slots_wake_a_loop_that_sleeps(redis_url: str, start: Start, woken: Woken) -> None:
    capacity = Capacity()
    capacity.can_accept = True
    consumer = start(redis_url, ("a",), woken, can_accept=capacity, longest_tick_s=1_000)
    publish(redis_url, "a")
    wait_until(lambda: len(woken.models) == 1)
    capacity.can_accept = False
    calls = capacity.calls
    wait_until(lambda: capacity.calls > calls, "the check of the capacity")
    publish(redis_url, "a")
    capacity.can_accept = True
    consumer.recheck_capacity()
    wait_until(lambda: len(woken.models) == 2)


def test_a_wake_up_that_was_asked_for_in_time_is_not_kept(redis_url: str, start: Start, woken: Woken) -> None:
    publish(redis_url, "a")
    answers = iter([True])
    start(redis_url, ("a",), woken, can_accept=lambda: next(answers, False))
    wait_until(lambda: woken.models)


def test_a_slot_that_fails_does_not_hurt_the_next(redis_url: str, start: Start) -> None:
    seen: list[str] = []

    def fail_first(model: str) -> None:
        seen.append(model)
        if len(seen) == 1:
            raise RuntimeError("on purpose")

    start(redis_url, ("a",), fail_first)
    publish(redis_url, "a", count=2)
    wait_until(lambda: len(seen) == 2)


def test_closing_ends_the_thread(redis_url: str, start: Start, woken: Woken) -> None:
    consumer = start(redis_url, ("a",), woken)
    publish(redis_url, "a")
    wait_until(lambda: woken.models)
    consumer.close(TIMEOUT_S)
    assert not consumer._thread.is_alive()


def test_wake_ups_are_consumed_again_after_redis_was_away(tmp_path: Path, start: Start, woken: Woken) -> None:
    valkey = Valkey(tmp_path)
    valkey.start()
    try:
        start(valkey.url, ("a",), woken)
        publish(valkey.url, "a")
        wait_until(lambda: len(woken.models) == 1)
        for round in (2, 3):
            valkey.restart()
            publish(valkey.url, "a")
            wait_until(lambda round=round: len(woken.models) == round, f"wake-up {round}")
    finally:
        valkey.close()


REFUSED_S = 1.5
"""Longer than the pause between two commands of Celery without wake-ups."""

RECOVERY_S = 3.0
"""Far above the half second after which the consumer tries again, because test machines are busy."""


@pytest.mark.parametrize("code", REFUSALS)
def test_wake_ups_are_consumed_again_soon_after_redis_refused(
    redis_url: str, start: Start, woken: Woken, code: str
) -> None:
    woken.open.clear()  # the first slot is busy all the time
    start(redis_url, ("a",), woken, threads=4)
    publish(redis_url, "a")
    wait_until(lambda: len(woken.models) == 1)
    with REFUSALS[code](redis_url):
        time.sleep(REFUSED_S)
    received = len(woken.models)  # a full server is asked for jobs without wake-ups
    recovered = time.monotonic()
    publish(redis_url, "a")
    wait_until(lambda: len(woken.models) > received)
    assert time.monotonic() - recovered < RECOVERY_S


@pytest.mark.parametrize("code", ["NOREPLICAS", "OOM", "READONLY"])
def test_a_consumer_that_starts_while_redis_refuses_waits(
    redis_url: str, start: Start, woken: Woken, code: str
) -> None:
    with REFUSALS[code](redis_url):
        start(redis_url, ("a",), woken)
        time.sleep(REFUSED_S)
    received = len(woken.models)  # a full server is asked for jobs without wake-ups
    publish(redis_url, "a")
    wait_until(lambda: len(woken.models) > received)


def test_a_full_server_is_asked_for_jobs_without_wake_ups(redis_url: str, start: Start, woken: Woken) -> None:
    with full_memory(redis_url):
        start(redis_url, ("a", "b"), woken)
        wait_until(lambda: woken.models[:2] == ["a", "b"])


def test_a_key_of_a_wrong_type_that_stops_celery_does_not_stop_jobs(redis_url: str, start: Start, woken: Woken) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("unacked", "of a wrong type")  # Celery's hash of received messages
    start(redis_url, ("a",), woken)
    with capture_logs() as records:
        publish(redis_url, "a")
        wait_until(lambda: woken.models, timeout_s=15)
    assert "WRONGTYPE" in records[0]["reason"]


class Counted(logging.Filter):
    """Counts the records of a logger before other filters drop them."""

    count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self.count += 1
        return True


def test_a_full_server_is_one_line_of_the_log(
    redis_url: str,
    start: Start,
    woken: Woken,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Celery restores messages all the time, and logs a traceback whenever it cannot."""
    monkeypatch.setitem(wakeups._TRANSPORT, "unacked_restore_interval", 0.2)
    counted = Counted()
    logging.getLogger("kombu.asynchronous.hub").addFilter(counted)
    try:
        start(redis_url, ("a",), woken)
        publish(redis_url, "a")
        wait_until(lambda: woken.models)
        with capture_logs() as records, full_memory(redis_url):
            wait_until(lambda: counted.count >= 3)
    finally:
        logging.getLogger("kombu.asynchronous.hub").removeFilter(counted)
    logged = [str(record["reason"]) for record in records if record["log_level"] == "warning"]
    logged += [record.getMessage() for record in caplog.records if record.levelname != "INFO"]
    assert len(logged) == 1
    assert "used memory > 'maxmemory'" in logged[0]
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_bug_in_celery_does_not_end_the_consumer(redis_url: str, start: Start, woken: Woken) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    woken.open.clear()
    consumer = start(redis_url, ("a",), woken, threads=4)
    publish(redis_url, "a")
    wait_until(lambda: len(woken.models) == 1)
    consumer._controller.hub.call_soon(fail)
    time.sleep(0.5)

    def is_woken_again() -> bool:
        publish(redis_url, "a")  # one that the dying connection has taken is lost, harmlessly
        return len(woken.models) > 1

    wait_until(is_woken_again)
