"""Two API replicas on one Redis, one history and one folder of files, and a worker that the test drives."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from itertools import count, islice
from pathlib import Path
from typing import Any, Self

import httpx2
import redis

from renderq.contract import Status
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.redis.permissions import acl_rules
from renderq_shared.redis.scripts import Script, load_script
from tests.api.worker import Worker
from tests.faults.history_databases import HistoryDatabase
from tests.faults.processes import ServiceProcess
from tests.polling import wait_until
from tests.valkey_server import Valkey, free_port

TERMINAL = {status.value for status in Status if status.is_terminal}
UNARCHIVED, ARCHIVED = "rq:unarchived", "rq:archived"
SWEEP_S = 0.1
"""Pause between two passes of an API that archive the jobs that are due."""
_PAGE = 20
_ARCHIVED_S = 100.0
"""Time within which a job is archived whose first attempt has failed: a lease, and a busy machine."""


class HistoryCluster:
    """Use as a context manager, which starts the APIs."""

    def __init__(self, folder: Path, database: HistoryDatabase) -> None:
        self.database = database
        self.data = folder / "data"
        self.valkey = Valkey(folder / "valkey")
        for each in (self.data, folder / "valkey"):
            each.mkdir()
        self._folder = folder
        self._ports = (free_port(), free_port())
        self._numbers = count()
        self._ended = 0
        self.accepted: set[str] = set()
        """Ids of all jobs."""
        self.seen: dict[str, dict[str, Any]] = {}
        """Id of an ended job → the job as clients have seen it, without URLs."""

    def __enter__(self) -> Self:
        self.valkey.start()
        self.redis = redis.Redis.from_url(self.valkey.url, decode_responses=True)
        self.redis.execute_command("ACL", "SETUSER", "api", "on", ">secret", *acl_rules("api"))
        self._store_client = sync_client(self.valkey.url)
        self._worker = Worker(RedisJobStore(self._store_client), FolderStore(self.data / "objects"))
        self._worker.register()
        self.start_apis()
        return self

    def __exit__(self, *_: object) -> None:
        for api in self.apis:
            api.stop()
        self.redis.close()
        self._store_client.close()
        self.valkey.close()

    def start_apis(self) -> None:
        """Start both, and wait until they are ready."""
        with ThreadPoolExecutor() as pool:
            self.apis = list(pool.map(self.start_api, range(len(self._ports))))

    def start_api(self, number: int) -> ServiceProcess:
        env = {
            "RENDERQ_HISTORY_URL": self.database.url,
            "RENDERQ_SWEEP_SECONDS": str(SWEEP_S),
            "RENDERQ_IMAGE_DELIVERY": "proxy",
        }
        redis_url = f"redis://api:secret@127.0.0.1:{self.valkey.port}/0"
        options = ("--port", str(self._ports[number]), "--redis-url", redis_url, "--data", str(self.data))
        process = ServiceProcess(("api", *options), env, "ready http", self._folder / f"api-{number}.log")
        process.start()
        return process

    def kill_apis(self) -> None:
        for api in self.apis:
            api.kill()

    def client(self, number: int = 0) -> httpx2.Client:
        """A client of one of the APIs."""
        return httpx2.Client(base_url=f"http://127.0.0.1:{self._ports[number]}", timeout=30, trust_env=False)

    def is_degraded(self) -> bool:
        """Return whether an API says that it cannot use the history."""
        answers = []
        for number in range(len(self._ports)):
            with self.client(number) as http:
                answers.append(http.get("/readyz").json()["status"])
        return "degraded" in answers

    def submit_jobs(self, jobs: int) -> None:
        """Submit jobs of one or two images, to both APIs in turn."""
        with self.client(0) as one, self.client(1) as other:
            for number in islice(self._numbers, jobs):
                body = {"prompt": f"number {number}", "n": 1 + number // 2 % 2}
                answer = (one, other)[number % 2].post("/v1/jobs", json=body)
                self.accepted.add(answer.raise_for_status().json()["id"])

    def end_jobs(self, jobs: int) -> None:
        """End queued jobs, the oldest first; every fifth one fails."""
        for _ in range(jobs):
            job = self._worker.claim()
            (self._worker.fail if job.sequence % 5 == 0 else self._worker.finish)(job)
            self._ended += 1

    @contextmanager
    def confirmations_refused(self) -> Iterator[None]:
        """Redis hands out jobs, but the APIs cannot confirm that they are archived: that script alone is forbidden."""
        others = [f"+evalsha|{script.sha}" for name, script in _scripts() if name != "confirm_archived"]
        self.redis.execute_command("ACL", "SETUSER", "api", "-evalsha", *others)
        try:
            yield
            assert self.redis.exists(UNARCHIVED), "confirmations were not refused"
        finally:
            self.redis.execute_command("ACL", "SETUSER", "api", "+evalsha")

    def has_stored_all(self) -> bool:
        """Return whether the database has all ended jobs."""
        return len(self.database.column("SELECT id FROM jobs")) == self._ended

    def make_due(self, key: str) -> None:
        """Make all entries due, as if the time of a lease or of `RENDERQ_RECENT_SECONDS` had passed."""
        if entries := self.redis.zrange(key, 0, -1):
            self.redis.zadd(key, dict.fromkeys(entries, 0), xx=True)

    def wait_until_archived(self) -> None:
        """Wait until the history has confirmed all ended jobs."""
        wait_until(lambda: not self.redis.exists(UNARCHIVED), "the archiving of all jobs", _ARCHIVED_S)

    def release_archived(self) -> None:
        """Let an hour pass after which only the history has the archived jobs."""
        self.make_due(ARCHIVED)
        wait_until(lambda: not self.redis.exists(ARCHIVED), "the release of all archived jobs")

    def annotate(self, job_id: str, label: str) -> None:
        """Label an ended job."""
        with self.client() as http:
            changed = http.patch(f"/v1/jobs/{job_id}", json={"labels": [label]}).raise_for_status().json()
        self.seen[job_id] = without_urls(changed)

    def look(self) -> list[dict[str, Any]]:
        """Let clients see the ended jobs that they have not seen before. Returns the jobs of all pages."""
        listed = self.listed()
        for job in listed:
            if job["status"] in TERMINAL:
                self.seen.setdefault(job["id"], job)
        return listed

    def listed(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the jobs of all pages without URLs, newest first, as soon as an API has its history again."""
        return wait_until(lambda: self._listed(number), "complete lists")

    def usage(self) -> list[dict[str, Any]]:
        """Return usage by day."""
        with self.client() as http:
            return http.get("/v1/usage").raise_for_status().json()["data"]

    def _listed(self, number: int) -> list[dict[str, Any]]:
        """Return nothing if a page lacks the history."""
        found, cursor = list[dict[str, Any]](), dict[str, str]()
        with self.client(number) as http:
            while True:
                page = http.get("/v1/jobs", params={"limit": _PAGE, **cursor}).raise_for_status().json()
                if page["warnings"]:
                    return []
                found += map(without_urls, page["data"])
                if page["next_cursor"] is None:
                    return found
                cursor = {"cursor": page["next_cursor"]}


def _scripts() -> Iterator[tuple[str, Script]]:
    for package in ("renderq_shared.access", "renderq_shared.jobs.redis"):
        for file in (files(package) / "lua").iterdir():
            if file.name.endswith(".lua"):
                name = file.name.removesuffix(".lua")
                yield name, load_script(package, name)


def without_urls(json: Any) -> Any:
    """Return a part of a response without URLs, which differ between APIs and between responses."""
    if isinstance(json, list):
        return [without_urls(each) for each in json]
    if isinstance(json, dict):
        return {name: without_urls(value) for name, value in json.items() if "url" not in name}
    return json
