"""Faults, one function each: it strikes a cluster at work and repairs it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import pytest
import redis

from renderq_shared.redis.wakeup_queues import queue_name
from tests.faults.fault_cluster import LEASE_S, FaultCluster
from tests.faults.tcp_proxy import ProxyMode, TcpProxy
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS, Refuse


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


def refuse_commands(refuse: Refuse) -> Fault:
    """Redis refuses commands for a while."""

    def strike(cluster: FaultCluster, random: Random) -> FaultEffect:
        with refuse(cluster.valkey.url):
            time.sleep(random.uniform(0.5, 1.5))
        return FaultEffect()

    return strike


def fill_disk(cluster: FaultCluster, random: Random) -> FaultEffect:
    """The disk of Redis' append-only file is really full."""
    if not cluster.valkey_disk.is_mounted:
        pytest.skip("only the superuser may mount a small disk")
    cluster.valkey_disk.fill()
    with cluster.redis() as admin:
        wait_until(lambda: _is_refused(admin), "the first refused write")
    time.sleep(random.uniform(0.5, 1.0))
    cluster.valkey_disk.free()
    return FaultEffect()


def load_slowly(cluster: FaultCluster, random: Random) -> FaultEffect:
    """Redis answers LOADING for a second or two after a restart."""
    with cluster.redis() as admin:
        for number in range(50):  # while it loads, the server replies after every kilobyte
            admin.set(f"filler:{number}", random.randbytes(4_096), ex=30)
        admin.bgrewriteaof()  # a snapshot, so that the delay depends on the number of keys alone
        wait_until(lambda: not admin.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
        delay_us = round(random.uniform(1e6, 2e6) / max(1, admin.dbsize()))
    restarted = {"key-load-delay": str(delay_us), "loading-process-events-interval-bytes": "1024"}
    cluster.valkey.restart(**restarted)
    return FaultEffect()


@contextmanager
def _without_broker(url: str) -> Iterator[None]:
    """Celery can neither consume nor publish; the job store works."""
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-brpop", "-multi")
        try:
            yield
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")


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
    """One job kills every worker that renders it; a supervisor restarts them."""
    effect, killed = FaultEffect(), 0
    with cluster.client() as client, ThreadPoolExecutor(1) as supervisor:
        job = client.submit("poison", steps=150)
        effect.poison_job_id = job.id
        while not job.status().is_terminal:
            holder = cluster.running().get(job.id)
            if holder is not None and "stage" in holder and int(holder["attempt"]) > killed:
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


def flush(cluster: FaultCluster) -> None:
    """An operator empties Redis."""
    with cluster.redis() as admin:
        admin.flushall()


def evict(cluster: FaultCluster) -> None:
    """A full Redis evicts all keys, because its policy is not `noeviction`."""
    with cluster.redis() as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
        admin.config_set("maxmemory", 1)
        wait_until(lambda: _is_refused(admin) and not admin.dbsize(), "the eviction of all keys")
        admin.config_set("maxmemory", 0)
        admin.config_set("maxmemory-policy", "noeviction")


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

REFUSING_FAULTS: dict[str, Fault] = {
    "Redis is a replica (READONLY)": refuse_commands(REFUSALS["READONLY"]),
    "Redis lacks replicas (NOREPLICAS)": refuse_commands(REFUSALS["NOREPLICAS"]),
    "Redis' memory is full (OOM)": refuse_commands(REFUSALS["OOM"]),
    "Redis' disk is full (MISCONF)": fill_disk,
    "Redis loads its data (LOADING)": load_slowly,
    "only Celery is refused": refuse_commands(_without_broker),
}
"""Faults in which Redis answers with refusals."""


def _busy_worker(cluster: FaultCluster, random: Random) -> int:
    """A worker that has claimed jobs."""
    running = wait_until(cluster.running, "a running job")
    return int(random.choice(sorted({job["worker"] for job in running.values()})).removeprefix("w"))


def _is_refused(admin: redis.Redis) -> bool:
    try:
        admin.set("probe", "x" * 10_000, ex=1)
    except redis.RedisError:
        return True
    return False


@contextmanager
def _in_mode(proxies: list[TcpProxy], mode: ProxyMode) -> Iterator[None]:
    for proxy in proxies:
        proxy.mode = mode
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.mode = ProxyMode.OPEN
