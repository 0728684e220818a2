"""Checks that hold for every problem response."""

from typing import Any

import httpx2

from renderq.contract import PROBLEMS, Problem, ProblemKind


def problem(response: httpx2.Response, code: str) -> dict[str, Any]:
    """Check what all problem responses have in common and return the document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    Problem.model_validate(document)
    definition = PROBLEMS[ProblemKind(code)]
    assert (document["code"], response.status_code) == (code, definition.status), document
    assert (document["status"], document["title"], document["retryable"]) == (
        definition.status,
        definition.title,
        definition.retryable,
    )
    assert document["type"] == f"urn:renderq:problem:{code}"
    assert document["instance"] == response.request.url.path
    assert document["request_id"] == response.headers["x-request-id"]
    assert document["detail"].endswith((".", "?")), document["detail"]
    assert response.headers["cache-control"] == "no-store"
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"]) > 0
    return document


def pointers(document: dict[str, Any]) -> dict[str, str]:
    """Return pointer → code of a problem's errors."""
    return {error["pointer"]: error["code"] for error in document["errors"]}


NO_JOB = "job_" + "0" * 26
"""A valid id that no job has. Constant, because test parameters are part of test names."""
