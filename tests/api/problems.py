"""What every error answer must be."""

from typing import Any

import httpx2

from renderq.contract import PROBLEMS, Problem, ProblemKind


def problem(answer: httpx2.Response, code: str) -> dict[str, Any]:
    """The problem document of an answer, after checks of all that problems have in common."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    Problem.model_validate(document)
    facts = PROBLEMS[ProblemKind(code)]
    assert (document["code"], answer.status_code) == (code, facts.status), document
    assert (document["status"], document["title"], document["retryable"]) == (
        facts.status,
        facts.title,
        facts.retryable,
    )
    assert document["type"] == f"urn:renderq:problem:{code}"
    assert document["instance"] == answer.request.url.path
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["detail"].endswith((".", "?")), document["detail"]
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code in {429, 503}:
        assert int(answer.headers["retry-after"]) > 0
    return document


def pointers(document: dict[str, Any]) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in document["errors"]}


NO_JOB = "job_" + "0" * 26
"""An id that no job has: a constant, because parameters of tests are part of their names."""
