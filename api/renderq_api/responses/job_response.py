"""A job as an answer, with the headers that say how new it is."""

from starlette.requests import Request
from starlette.responses import Response

from renderq_api.http.responses import json_response
from renderq_api.live.long_poll import JobSnapshot
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord


async def job_response(
    request: Request,
    services: Services,
    snapshot: JobSnapshot,
    wait: int | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    job = await to_signed_job(services, urls_for(request), snapshot)
    return json_response(job, status, {**state_headers(snapshot[0], wait), **(headers or {})})


def state_headers(record: JobRecord, wait: int | None) -> dict[str, str]:
    headers = {"ETag": _etag(record.version), "Vary": "Prefer"}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
    return headers


def _etag(version: int) -> str:
    """Weak: signed addresses and the place in the queue differ between two answers of one version."""
    return f'W/"{version}"'


def is_current(if_none_match: str | None, version: int) -> bool:
    candidates = [candidate.strip().removeprefix("W/") for candidate in (if_none_match or "").split(",")]
    return "*" in candidates or f'"{version}"' in candidates
