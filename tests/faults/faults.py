"""What can go wrong, one function each: it strikes a stage that is at work, and mends it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from renderq_shared.wakeups import queue_name
from tests.faults.gate import ProxyMode, TcpProxy
from tests.faults.stage import LEASE_S, FaultCluster, wait_until


@dataclass(slots=True)
class FaultEffect:
    """What a fault did."""

    leases_ms: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Jobs of workers that were cut off → attempt and end of lease."""
    poison_job_id: str | None = None
    """The job that kills whoever takes it."""


Fault = Callable[[FaultCluster, Random], FaultEffect]


def kill_worker(stage: FaultCluster, random: Random) -> FaultEffect:
    number = _busy_worker(stage, random)
    stage.workers[number].kill()
    effect = FaultEffect(stage.leases_ms(f"w{number}"))
    stage.restart_worker(number)
    return effect


def freeze_worker(stage: FaultCluster, random: Random) -> FaultEffect:
    """Past its lease: it wakes as a zombie."""
    number = _busy_worker(stage, random)
    stage.workers[number].freeze()
    effect = FaultEffect(stage.leases_ms(f"w{number}"))
    _let_pass(LEASE_S * random.uniform(1.5, 2.5))
    stage.workers[number].thaw()
    return effect


def partition_worker_from_redis(stage: FaultCluster, random: Random) -> FaultEffect:
    number = _busy_worker(stage, random)
    with _shut([stage.redis_proxies[number]], random.choice([ProxyMode.CUT, ProxyMode.SILENT])):
        effect = FaultEffect(stage.leases_ms(f"w{number}"))
        _let_pass(LEASE_S * random.uniform(1.5, 2.5))
    return effect


def partition_worker_from_store(stage: FaultCluster, random: Random) -> FaultEffect:
    with _shut([stage.store_proxies[_busy_worker(stage, random)]], random.choice([ProxyMode.CUT, ProxyMode.SILENT])):
        _let_pass(LEASE_S * random.uniform(0.5, 1.5))
    return FaultEffect()


def store_fails(stage: FaultCluster, random: Random) -> FaultEffect:
    """It answers 500, slowly, or hangs up."""
    with _shut(stage.store_proxies, random.choice([ProxyMode.FAILING, ProxyMode.SLOW, ProxyMode.LOSSY])):
        _let_pass(random.uniform(0.5, 2.0))
    return FaultEffect()


def kill_api(stage: FaultCluster, random: Random) -> FaultEffect:
    """In the middle of submissions, whose client retries."""
    stage.api.kill()
    _let_pass(random.uniform(0, 0.5))
    stage.restart_api()
    return FaultEffect()


def restart_redis(stage: FaultCluster, random: Random) -> FaultEffect:
    stage.valkey.kill()
    _let_pass(random.uniform(0, LEASE_S))
    stage.valkey.restart()
    return FaultEffect()


def freeze_redis(stage: FaultCluster, random: Random) -> FaultEffect:
    stage.valkey.pause()
    _let_pass(LEASE_S * random.uniform(0.5, 2.0))
    stage.valkey.resume()
    return FaultEffect()


def lose_replies(stage: FaultCluster, random: Random) -> FaultEffect:
    with _shut([stage.api_redis_proxy, *stage.redis_proxies], ProxyMode.LOSSY):
        _let_pass(random.uniform(2.0, 3.0))
    return FaultEffect()


def disturb_wakeups(stage: FaultCluster, random: Random) -> FaultEffect:
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
    return FaultEffect()


def poison(stage: FaultCluster, random: Random) -> FaultEffect:
    """One job kills whichever worker takes it, each time; a supervisor starts them again."""
    effect, killed = FaultEffect(), 0
    with stage.client() as client, ThreadPoolExecutor(1) as supervisor:
        job = client.submit("poison", steps=150)
        effect.poison_job_id = job.id
        while not job.status().is_terminal:
            holder = stage.running().get(job.id)
            if holder is not None and int(holder["attempt"]) > killed:
                killed, number = int(holder["attempt"]), int(holder["worker"].removeprefix("w"))
                stage.workers[number].kill()
                effect.leases_ms |= stage.leases_ms(f"w{number}")
                supervisor.submit(stage.restart_worker, number)
            _let_pass(0.02)
    effect.leases_ms.pop(job.id, None)
    return effect


def nothing(stage: FaultCluster, random: Random) -> FaultEffect:
    """For stages that are wrong from the beginning."""
    return FaultEffect()


FAULTS: dict[str, Fault] = {
    "worker killed": kill_worker,
    "worker frozen past its lease": freeze_worker,
    "worker cut off from Redis": partition_worker_from_redis,
    "worker cut off from the store": partition_worker_from_store,
    "store fails, slow, hangs up": store_fails,
    "API killed amid submissions": kill_api,
    "Redis killed and restarted": restart_redis,
    "Redis frozen": freeze_redis,
    "replies of Redis lost": lose_replies,
    "wake-ups dropped, doubled, shuffled": disturb_wakeups,
    "a job that kills its workers": poison,
}


def _busy_worker(stage: FaultCluster, random: Random) -> int:
    """One that holds jobs."""
    running = wait_until(stage.running, "a job is being rendered")
    return int(random.choice(sorted({job["worker"] for job in running.values()})).removeprefix("w"))


@contextmanager
def _shut(gates: list[TcpProxy], mode: ProxyMode) -> Iterator[None]:
    for gate in gates:
        gate.mode = mode
    try:
        yield
    finally:
        for gate in gates:
            gate.mode = ProxyMode.OPEN


def _let_pass(seconds: float) -> None:
    """The fault lasts: nothing is waited for."""
    time.sleep(seconds)
