"""Redis round trips of a submission."""

from collections.abc import Callable

import httpx2

from renderq_shared.redis.clients import sync_client
from tests.api.worker import Worker


def scripts(url: str, call: Callable[[], object], mark: str) -> int:
    """Count the scripts whose arguments contain `mark` during a call; sweeps run concurrently."""
    seen = 0
    with sync_client(url) as watcher, watcher.monitor() as monitor, sync_client(url) as marker:
        marker.echo("begin")
        call()
        marker.echo("end")
        for command in monitor.listen():
            if command["command"] == "ECHO end":
                return seen
            seen += (
                command["client_type"] != "lua" and command["command"].startswith("EVAL") and mark in command["command"]
            )
    raise AssertionError("the server closed the monitor")


def test_a_submission_is_one_call_and_returns_the_position(http: httpx2.Client, worker: Worker, redis_url: str) -> None:
    http.post("/v1/jobs", json={"prompt": "the server learns the script"})
    jobs: list[dict[str, object]] = []
    count = scripts(redis_url, lambda: jobs.append(http.post("/v1/jobs", json={"prompt": "x"}).json()), "default")
    assert count == 1
    assert (jobs[0]["queue_position"], jobs[0]["wait_reason"]) == (1, "queued")
