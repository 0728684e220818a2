"""Faults, one function each: it strikes a cluster at work and repairs it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from renderq_shared.redis.wakeup_queues import queue_name
from tests.faults.fault_cluster import LEASE_S, FaultCluster
from tests.faults.tcp_proxy import ProxyMode, TcpProxy
from tests.polling import wait_until


@dataclass(slots=True)
class FaultEffect:
    """Effects of one fault."""

    leases_ms: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Jobs of disconnected workers → attempt and end of lease."""
    poison_job_id: str | None = None
    """The job that kills every worker that claims it."""


Fault = Callable[[FaultCluster, Random], FaultEffect]


def kill_worker(cluster: FaultCluster, random: Random) -> FaultEffect:
    number = _busy_worker(cluster, random)
    cluster.workers[number].kill()
    effect = FaultEffect(cluster.leases_ms(f"w{number}"))
    cluster.restart_worker(number)
    return effect


def freeze_worker(cluster: FaultCluster, random: Random) -> FaultEffect:
    """Frozen past its lease: it resumes as a zombie."""
    number = _busy_worker(cluster, random)
    cluster.workers[number].freeze()
    effect = FaultEffect(cluster.leases_ms(f"w{number}"))
    time.sleep(LEASE_S * random.uniform(1.5, 2.5))
    cluster.workers[number].thaw()
    return effect


def partition_worker_from_redis(cluster: FaultCluster, random: Random) -> FaultEffect:
    number = _busy_worker(cluster, random)
    with _in_mode([cluster.redis_proxies[number]], random.choice([ProxyMode.CUT, ProxyMode.SILENT])):
        effect = FaultEffect(cluster.leases_ms(f"w{number}"))
        time.sleep(LEASE_S * random.uniform(1.5, 2.5))
    return effect


def partition_worker_from_store(cluster: FaultCluster, random: Random) -> FaultEffect:
    with _in_mode(
        [cluster.store_proxies[_busy_worker(cluster, random)]], random.choice([ProxyMode.CUT, ProxyMode.SILENT])
    ):
        time.sleep(LEASE_S * random.uniform(0.5, 1.5))
    return FaultEffect()


def store_fails(cluster: FaultCluster, random: Random) -> FaultEffect:
    """The store answers 500, slowly, or hangs up."""
    with _in_mode(cluster.store_proxies, random.choice([ProxyMode.FAILING, ProxyMode.SLOW, ProxyMode.LOSSY])):
        time.sleep(random.uniform(0.5, 2.0))
    return FaultEffect()


def kill_api(cluster: FaultCluster, random: Random) -> FaultEffect:
    """Kill the API amid submissions of a client that retries."""
    cluster.api.kill()
    time.sleep(random.uniform(0, 0.5))
    cluster.restart_api()
    return FaultEffect()


def restart_redis(cluster: FaultCluster, random: Random) -> FaultEffect:
    cluster.valkey.kill()
    time.sleep(random.uniform(0, LEASE_S))
    cluster.valkey.restart()
    return FaultEffect()


def freeze_redis(cluster: FaultCluster, random: Random) -> FaultEffect:
    cluster.valkey.pause()
    time.sleep(LEASE_S * random.uniform(0.5, 2.0))
    cluster.valkey.resume()
    return FaultEffect()


def lose_replies(cluster: FaultCluster, random: Random) -> FaultEffect:
    with _in_mode([cluster.api_redis_proxy, *cluster.redis_proxies], ProxyMode.LOSSY):
        time.sleep(random.uniform(2.0, 3.0))
    return FaultEffect()


def disturb_wakeups(cluster: FaultCluster, random: Random) -> FaultEffect:
    """Wake-ups dropped, doubled, and reordered."""
    end = time.monotonic() + random.uniform(0.5, 1.5)
    with cluster.redis() as client:
        while time.monotonic() < end:
            taken = client.lpop(queue_name("shapes"), 50) or []
            again = [wake for wake in taken for _ in range(random.choice([0, 1, 2]))]
            random.shuffle(again)
            if again:
                client.rpush(queue_name("shapes"), *again)
            time.sleep(0.02)
    return FaultEffect()


def poison(cluster: FaultCluster, random: Random) -> FaultEffect:
    """One job kills every worker that claims it; a supervisor restarts them."""
    effect, killed = FaultEffect(), 0
    with cluster.client() as client, ThreadPoolExecutor(1) as supervisor:
        job = client.submit("poison", steps=150)
        effect.poison_job_id = job.id
        while not job.status().is_terminal:
            holder = cluster.running().get(job.id)
            if holder is not None and int(holder["attempt"]) > killed:
                killed, number = int(holder["attempt"]), int(holder["worker"].removeprefix("w"))
                cluster.workers[number].kill()
                effect.leases_ms |= cluster.leases_ms(f"w{number}")
                supervisor.submit(cluster.restart_worker, number)
            time.sleep(0.02)
    effect.leases_ms.pop(job.id, None)
    return effect


def nothing(cluster: FaultCluster, random: Random) -> FaultEffect:
    """No fault at run time: the cluster is wrong from its start."""
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


def _busy_worker(cluster: FaultCluster, random: Random) -> int:
    """A worker that has claimed jobs."""
    running = wait_until(cluster.running, "a running job")
    return int(random.choice(sorted({job["worker"] for job in running.values()})).removeprefix("w"))


@contextmanager
def _in_mode(proxies: list[TcpProxy], mode: ProxyMode) -> Iterator[None]:
    for proxy in proxies:
        proxy.mode = mode
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.mode = ProxyMode.OPEN
