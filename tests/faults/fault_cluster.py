"""A whole service on real parts, with a proxy on every connection between them."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, get_args

import redis

from renderq import Client
from renderq_shared.redis.permissions import Role, acl_rules
from tests.faults.change_log import ChangeLog
from tests.faults.processes import ServiceProcess
from tests.faults.tcp_proxy import TcpProxy
from tests.faults.webhook_receiver import WebhookReceiver
from tests.s3_servers import Nanio, aws_env
from tests.small_disk import SmallDisk
from tests.valkey_server import Valkey

LEASE_S = 2.0
STORE = "s3://images/renderq"
ROLES: tuple[Role, ...] = get_args(Role)
TENANTS = ("ada", "bob", "eve")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_SCRIPT = b"EVALSHA"
"""Replies to the handshake of a new connection are kept: nearly all lost replies would fall there."""


class FaultCluster:
    """Valkey, an S3 server, an API and two workers on a simulated device; each reaches the others through proxies."""

    def __init__(
        self, folder: Path, skews_s: tuple[float, float, float] = (0.0, 0.0, 0.0), *, redis_users: bool = False
    ) -> None:
        """`skews_s`: clock skews of the hosts of the API and of the two workers, in seconds.

        `redis_users`: whether API and workers are users of Redis with no more permissions than they need.
        """
        self._redis_users = redis_users
        self.folder = folder
        self.api_data = folder / "api"
        self._closing = ExitStack()
        self.valkey = Valkey(folder / "valkey")
        self.s3 = Nanio(folder / "s3")
        for server in (folder / "valkey", folder / "s3"):
            server.mkdir()
        self._skews_s = skews_s

    def __enter__(self) -> Self:
        self.valkey_disk = self._until_exit(SmallDisk(self.folder / "valkey", megabytes=64))
        self.valkey.start()
        self._closing.callback(self.valkey.close)
        self.s3.start()
        self._closing.callback(self.s3.kill)
        self.s3.client().create_bucket(Bucket="images")
        self.change_log = self._until_exit(ChangeLog(self.valkey.url))
        self.receiver = self._until_exit(WebhookReceiver())
        self.api_redis_proxy = self._until_exit(TcpProxy(self.valkey.port, loses=_SCRIPT))
        self.redis_proxies = [self._until_exit(TcpProxy(self.valkey.port, seed, loses=_SCRIPT)) for seed in (1, 2)]
        self.store_proxies = [self._until_exit(TcpProxy(self.s3.port, seed)) for seed in (3, 4)]
        if self._redis_users:
            for role in ROLES:
                with self.redis() as admin:
                    admin.execute_command("ACL", "SETUSER", role, "on", ">secret", *acl_rules(role))
        self.create_keys()
        self.api = self._api(port=0)
        self.url = self.api.ready_line.split()[1]
        self.api_port = int(self.url.rpartition(":")[2])
        self.workers = [self._worker(number) for number in (0, 1)]
        return self

    def __exit__(self, *_: object) -> None:
        for part in (*self.workers, self.api):
            part.stop()
        self._closing.close()

    def redis(self) -> redis.Redis:
        """A client that bypasses the proxies."""
        return redis.Redis.from_url(self.valkey.url, decode_responses=True)

    def client(self, tenant: str = TENANTS[0]) -> Client:
        """An SDK client with retries that outlast every fault."""
        return Client(self.url, self.keys[tenant], max_retries=20)

    def create_keys(self) -> None:
        """Create an API key for each tenant."""
        self.keys = {tenant: self._key(tenant) for tenant in TENANTS}

    def restart_api(self) -> None:
        """Restart a process at its old place, as a supervisor does."""
        self.api = self._api(self.api_port)

    def restart_worker(self, number: int) -> None:
        self.workers[number] = self._worker(number)

    def running(self) -> dict[str, dict[str, str]]:
        """Claimed jobs → their hashes."""
        with self.redis() as client:
            claimed = {job_id: client.hgetall(f"rq:job:{job_id}") for job_id in client.zrange("rq:leases", 0, -1)}
        return {job_id: job for job_id, job in claimed.items() if job.get("status") == "running"}

    def leases_ms(self, worker: str) -> dict[str, tuple[int, int]]:
        """Jobs of this worker → their attempt and the end of their lease."""
        mine = {job_id: job for job_id, job in self.running().items() if job["worker"] == worker}
        with self.redis() as client:
            ends = {job_id: client.zscore("rq:leases", job_id) for job_id in mine}
        return {job_id: (int(mine[job_id]["attempt"]), int(end)) for job_id, end in ends.items() if end is not None}

    def _key(self, tenant: str) -> str:
        argv = [sys.executable, "-m", "renderq", "keys", "create", tenant, "--tenant", tenant]
        made = subprocess.run(
            [*argv, "--redis-url", self._redis_url("api", self.valkey)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return made.stdout.strip()

    def _api(self, port: int) -> ServiceProcess:
        env = {
            **aws_env(self.s3.endpoint, self.s3.access_key, self.s3.secret_key),
            **self._shared(),
            "RENDERQ_SWEEP_SECONDS": "0.3",
            "RENDERQ_IMAGE_DELIVERY": "proxy",
            "RENDERQ_WEBHOOK_SECRETS": SECRET,
            "RENDERQ_EGRESS_ALLOW": "127.0.0.0/8",
            "RENDERQ_WEBHOOK_DELAYS": "0.2,0.5,1,1,1,1,1",
            "RENDERQ_WEBHOOK_TIMEOUT_SECONDS": "2",
        }
        arguments = ("api", "--port", str(port), "--redis-url", self._redis_url("api", self.api_redis_proxy))
        part = ServiceProcess(
            (*arguments, "--store", STORE, "--data", str(self.api_data)),
            env,
            "ready http",
            self.folder / "api.log",
            self._skews_s[0],
        )
        part.start()
        return part

    def _worker(self, number: int) -> ServiceProcess:
        name, proxy = f"w{number}", self.redis_proxies[number]
        store = f"http://127.0.0.1:{self.store_proxies[number].port}"
        env = {**aws_env(store, self.s3.access_key, self.s3.secret_key), **self._shared()}
        arguments = ("worker", "--redis-url", self._redis_url("worker", proxy), "--store", STORE, "--name", name)
        device = ("--device", "simulated:10", "--data", str(self.folder / name))
        log = self.folder / f"{name}.log"
        part = ServiceProcess((*arguments, *device), env, "worker.ready", log, self._skews_s[1 + number])
        part.start()
        return part

    def _redis_url(self, role: Role, server: Valkey | TcpProxy) -> str:
        return f"redis://{f'{role}:secret@' if self._redis_users else ''}127.0.0.1:{server.port}/0"

    def _shared(self) -> dict[str, str]:
        return {"RENDERQ_LEASE_SECONDS": f"{LEASE_S:g}", "RENDERQ_S3_ADDRESSING": "path"}

    def _until_exit(self, part: Any) -> Any:
        self._closing.callback(part.close)
        return part
