"""What can go wrong, one function each: it strikes a stage that is at work, and mends it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from renderq_shared.wakeups import queue_name
from tests.faults.gate import Gate, Mode
from tests.faults.stage import LEASE_S, Stage, until


@dataclass(slots=True)
class Struck:
    """What a fault did."""

    leases_ms: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Jobs of workers that were cut off → attempt and end of lease."""
    poisonous: str | None = None
    """The job that kills whoever takes it."""


Strike = Callable[[Stage, Random], Struck]


def kill_worker(stage: Stage, random: Random) -> Struck:
    number = _busy_worker(stage, random)
    stage.workers[number].kill()
    struck = Struck(stage.leases_ms(f"w{number}"))
    stage.restart_worker(number)
    return struck


def freeze_worker(stage: Stage, random: Random) -> Struck:
    """Past its lease: it wakes as a zombie."""
    number = _busy_worker(stage, random)
    stage.workers[number].freeze()
    struck = Struck(stage.leases_ms(f"w{number}"))
    _let_pass(LEASE_S * random.uniform(1.5, 2.5))
    stage.workers[number].thaw()
    return struck


def part_worker_from_redis(stage: Stage, random: Random) -> Struck:
    number = _busy_worker(stage, random)
    with _shut([stage.redis_gates[number]], random.choice([Mode.CUT, Mode.SILENT])):
        struck = Struck(stage.leases_ms(f"w{number}"))
        _let_pass(LEASE_S * random.uniform(1.5, 2.5))
    return struck


def part_worker_from_store(stage: Stage, random: Random) -> Struck:
    with _shut([stage.store_gates[_busy_worker(stage, random)]], random.choice([Mode.CUT, Mode.SILENT])):
        _let_pass(LEASE_S * random.uniform(0.5, 1.5))
    return Struck()


def store_fails(stage: Stage, random: Random) -> Struck:
    """It answers 500, slowly, or hangs up."""
    with _shut(stage.store_gates, random.choice([Mode.FAILING, Mode.SLOW, Mode.LOSSY])):
        _let_pass(random.uniform(0.5, 2.0))
    return Struck()


def kill_api(stage: Stage, random: Random) -> Struck:
    """In the middle of submissions, whose client retries."""
    stage.api.kill()
    _let_pass(random.uniform(0, 0.5))
    stage.restart_api()
    return Struck()


def restart_redis(stage: Stage, random: Random) -> Struck:
    stage.valkey.kill()
    _let_pass(random.uniform(0, LEASE_S))
    stage.valkey.restart()
    return Struck()


def freeze_redis(stage: Stage, random: Random) -> Struck:
    stage.valkey.pause()
    _let_pass(LEASE_S * random.uniform(0.5, 2.0))
    stage.valkey.resume()
    return Struck()


def lose_replies(stage: Stage, random: Random) -> Struck:
    with _shut([stage.api_redis, *stage.redis_gates], Mode.LOSSY):
        _let_pass(random.uniform(2.0, 3.0))
    return Struck()


def disturb_wakeups(stage: Stage, random: Random) -> Struck:
    """Dropped, doubled, and in another order."""
    end = time.monotonic() + random.uniform(0.5, 1.5)
    with stage.redis() as client:
        while time.monotonic() < end:
            taken = client.lpop(queue_name("shapes"), 50) or []
            again = [wake for wake in taken for _ in range(random.choice([0, 1, 2]))]
            random.shuffle(again)
            if again:
                client.rpush(queue_name("shapes"), *again)
            _let_pass(0.02)
    return Struck()


def poison(stage: Stage, random: Random) -> Struck:
    """One job kills whichever worker takes it, each time; a supervisor starts them again."""
    struck, killed = Struck(), 0
    with stage.client() as client, ThreadPoolExecutor(1) as supervisor:
        job = client.submit("poison", steps=150)
        struck.poisonous = job.id
        while not job.status().is_terminal:
            holder = stage.running().get(job.id)
            if holder is not None and int(holder["attempt"]) > killed:
                killed, number = int(holder["attempt"]), int(holder["worker"].removeprefix("w"))
                stage.workers[number].kill()
                struck.leases_ms |= stage.leases_ms(f"w{number}")
                supervisor.submit(stage.restart_worker, number)
            _let_pass(0.02)
    struck.leases_ms.pop(job.id, None)
    return struck


def nothing(stage: Stage, random: Random) -> Struck:
    """For stages that are wrong from the beginning."""
    return Struck()


FAULTS: dict[str, Strike] = {
    "worker killed": kill_worker,
    "worker frozen past its lease": freeze_worker,
    "worker cut off from Redis": part_worker_from_redis,
    "worker cut off from the store": part_worker_from_store,
    "store fails, slow, hangs up": store_fails,
    "API killed amid submissions": kill_api,
    "Redis killed and restarted": restart_redis,
    "Redis frozen": freeze_redis,
    "replies of Redis lost": lose_replies,
    "wake-ups dropped, doubled, shuffled": disturb_wakeups,
    "a job that kills its workers": poison,
}


def _busy_worker(stage: Stage, random: Random) -> int:
    """One that holds jobs."""
    running = until(stage.running, "a job is being rendered")
    return int(random.choice(sorted({job["worker"] for job in running.values()})).removeprefix("w"))


@contextmanager
def _shut(gates: list[Gate], mode: Mode) -> Iterator[None]:
    for gate in gates:
        gate.mode = mode
    try:
        yield
    finally:
        for gate in gates:
            gate.mode = Mode.OPEN


def _let_pass(seconds: float) -> None:
    """The fault lasts: nothing is waited for."""
    time.sleep(seconds)
