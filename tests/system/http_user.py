"""A user's actions over HTTP, and waits."""

import time
from collections.abc import Callable
from typing import Any

import httpx2

JOB_TIMEOUT_S = 90
TERMINAL = {"succeeded", "failed", "canceled", "expired"}


class HttpUser:
    """Uses the service that `http` reaches."""

    http: httpx2.Client

    @property
    def log_text(self) -> str:
        """Output of the service, for messages of failed tests."""
        raise NotImplementedError

    def submit(self, prompt: str = "a red circle on a blue background", **fields: Any) -> dict[str, Any]:
        response = self.http.post("/v1/jobs", json={"prompt": prompt, **fields})
        assert response.status_code == 201, response.text
        return response.json()

    def job(self, job_id: str, wait: int = 0) -> dict[str, Any]:
        response = self.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": f"wait={wait}"} if wait else {})
        assert response.status_code == 200, response.text
        return response.json()

    def wait_until_ended(self, job_id: str) -> dict[str, Any]:
        """Wait until the job is terminal, and return it."""
        return self.wait_until(job_id, lambda job: job["status"] in TERMINAL, wait=30)

    def wait_until(self, job_id: str, holds: Callable[[dict[str, Any]], bool], wait: int = 0) -> dict[str, Any]:
        """Wait until the job fulfills the condition, and return it."""
        deadline = time.monotonic() + JOB_TIMEOUT_S
        while time.monotonic() < deadline:
            if holds(job := self.job(job_id, wait)):
                return job
        raise AssertionError(f"{job_id} stayed {job['status']} ({job['stage']})\n{self.log_text}")

    def image(self, job: dict[str, Any], index: int) -> bytes:
        response = self.http.get(job["outputs"][index]["url"], follow_redirects=True)
        assert response.status_code == 200, response.text
        return response.content
