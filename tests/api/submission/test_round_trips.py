"""Redis round trips of a submission."""

import httpx2

from tests.api.script_count import scripts
from tests.api.worker import Worker


def test_a_submission_is_one_call_and_returns_the_position(http: httpx2.Client, worker: Worker, redis_url: str) -> None:
    http.post("/v1/jobs", json={"prompt": "the server learns the script"})
    jobs: list[dict[str, object]] = []
    count = scripts(redis_url, lambda: jobs.append(http.post("/v1/jobs", json={"prompt": "x"}).json()), "default")
    assert count == 1
    assert (jobs[0]["queue_position"], jobs[0]["wait_reason"]) == (1, "queued")


def test_a_batch_is_one_call_more_to_read_it_and_one_more_with_a_key(
    http: httpx2.Client, worker: Worker, redis_url: str
) -> None:
    body = {"requests": [{"prompt": "x"}] * 3}
    statuses: list[int] = []

    def submit(*keys: str) -> int:
        headers = [("Idempotency-Key", key) for key in keys]
        return scripts(
            redis_url,
            lambda: statuses.append(http.post("/v1/batches", json=body, headers=headers).status_code),
            "default",
        )

    submit("for-the-server-to-learn-the-scripts")
    assert (submit(), submit("new"), submit("new")) == (2, 3, 2)
    assert statuses == [201] * 4
