"""Messages that are no wake-ups end nothing, are kept as dead letters, and delay no wake-up."""

import base64
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from renderq_shared.redis.wakeup_queues import DEAD_LETTERS, queue_name
from renderq_shared.wakeups import WAKE_TASK, WakeupPublisher
from renderq_worker.claims.consumer import Consumer
from renderq_worker.claims.wakeup_filter import MAX_DEAD_LETTERS
from tests.polling import TIMEOUT_S, wait_until

ARGUMENTS = json.dumps([["a"], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()


def message(body: bytes = ARGUMENTS, headers: Any = None, properties: Any = None, **fields: Any) -> str:
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": WAKE_TASK, "id": "i", "root_id": "i"} if headers is None else headers,
            "properties": {
                "delivery_tag": "t",
                "delivery_info": {"exchange": "", "routing_key": queue_name("a")},
                "body_encoding": "base64",
            }
            if properties is None
            else properties,
            **fields,
        }
    )


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


POISON = {
    "empty": "",
    "not JSON": "not json",
    "not UTF-8": b"\xff\xfe",
    "a list": "[]",
    "a number": "1",
    "deep JSON": '{"a":' * 5000 + "1" + "}" * 5000,
    "a deep body": message(b"[" * 20_000),
    "no body": message(body=b""),
    "a body that is not Base64": message().replace(base64.b64encode(ARGUMENTS).decode(), "!!!"),
    "arguments that are no list": message(b'{"a":1}'),
    "no arguments": message(b"[[], {}, {}]"),
    "a list as model": message(b'[[["a"]], {}, {}]'),
    "another model": message(b'[["b"], {}, {}]'),
    "another task": message(headers={"task": "os.system", "id": "i"}),
    "no task": message(headers={"id": "i"}),
    "headers that are a list": message(headers=[]),
    "20 MB": message(json.dumps([["a" * 15_000_000], {}, {}]).encode()),
}

ODD_WAKEUPS = {
    "no properties": message(properties={}),
    "properties that are a list": message(properties=[]),
    "no delivery tag": message(properties={"delivery_info": {}, "body_encoding": "base64"}),
    "a time in the far future": message(
        headers={"task": WAKE_TASK, "id": "i", "eta": "9999-01-01T00:00:00", "expires": "never", "timelimit": [1, "x"]}
    ),
    "an unknown encoding": message(**{"content-encoding": "klingon", "content-type": "application/x-yaml"}),
    "headers of a newer version": message(headers={"task": WAKE_TASK, "id": 7, "new": {"a": [1]}}),
}
"""They name task and model; nothing else of them is read."""


class Consumed:
    def __init__(self) -> None:
        self.models: list[str] = []

    def __call__(self, model: str) -> None:
        self.models.append(model)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def consumed(redis_url: str) -> Iterator[Consumed]:
    consumed = Consumed()
    consumer = Consumer(redis_url, ("a",), "w1", 2, consumed, lambda: True)
    consumer.start()
    yield consumed
    consumer.close(TIMEOUT_S)


def publish(url: str) -> None:
    publisher = WakeupPublisher(url)
    publisher.notify("a")
    publisher.close()


def dead_letters(client: redis.Redis) -> list[dict[str, Any]]:
    return [json.loads(letter) for letter in client.lrange(DEAD_LETTERS, 0, -1)]


def test_poison_is_set_aside_once_and_the_next_wake_up_is_read(
    redis_url: str, client: redis.Redis, consumed: Consumed
) -> None:
    with capture_logs() as logs:
        for poison in POISON.values():
            client.lpush(queue_name("a"), poison)
        publish(redis_url)
        wait_until(lambda: consumed.models == ["a"], "the wake-up")
    letters = dead_letters(client)
    assert len(letters) == len(POISON), [(letter["reason"], letter["message"][:60]) for letter in letters]
    assert all(letter["queue"] == queue_name("a") and letter["reason"] for letter in letters)
    assert {record["event"] for record in logs} == {"wakeups.rejected"}
    assert not any(client.exists(key) for key in (queue_name("a"), "unacked", "unacked_index"))


def test_of_a_wake_up_only_task_and_model_are_read(client: redis.Redis, consumed: Consumed) -> None:
    for number, (name, odd) in enumerate(ODD_WAKEUPS.items(), start=1):
        client.lpush(queue_name("a"), odd)
        wait_until(lambda number=number: len(consumed.models) == number, f"the wake-up with {name}")
    assert not dead_letters(client)


def test_no_code_of_a_message_runs(redis_url: str, client: redis.Redis, consumed: Consumed, tmp_path: Path) -> None:
    code = pickle.dumps(Touch(tmp_path / "ran"))
    client.lpush(queue_name("a"), message(code, **{"content-type": "application/x-python-serialize"}))
    publish(redis_url)
    wait_until(lambda: consumed.models == ["a"], "the wake-up")
    assert not (tmp_path / "ran").exists()


def test_dead_letters_are_bounded(redis_url: str, client: redis.Redis, consumed: Consumed) -> None:
    with capture_logs() as logs:
        for number in range(MAX_DEAD_LETTERS + 20):
            client.lpush(queue_name("a"), f"poison {number}")
        publish(redis_url)
        wait_until(lambda: consumed.models == ["a"], "the wake-up")
    assert [letter["message"] for letter in dead_letters(client)] == [
        f"poison {number}" for number in reversed(range(20, MAX_DEAD_LETTERS + 20))
    ]
    assert len(logs) <= 2


def test_poison_among_messages_that_were_not_acknowledged_is_set_aside(
    redis_url: str, client: redis.Redis, request: pytest.FixtureRequest
) -> None:
    """kombu restores them an hour after their delivery, and when it connects."""
    client.hset("unacked", mapping={"poison": "{}", "wake-up": json.dumps([json.loads(message()), "", "renderq.a"])})
    client.zadd("unacked_index", {"poison": 2, "wake-up": 1})
    consumed: Consumed = request.getfixturevalue("consumed")
    wait_until(lambda: consumed.models == ["a"], "the wake-up")
    assert [letter["queue"] for letter in dead_letters(client)] == ["unacked"]
    assert not client.exists("unacked")
