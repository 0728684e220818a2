"""Submit a job, look at it, wait for it, cancel it."""

import asyncio

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, ProblemKind
from renderq_api.answers import answer, no_query
from renderq_api.idempotency import idempotency
from renderq_api.ids import is_job_id, new_job_id
from renderq_api.json_bodies import read_object, require_no_fields
from renderq_api.openapi import JOB_BODY, PREFER, answer_headers, header, problems
from renderq_api.preferences import wait_seconds
from renderq_api.problems import ApiProblem, not_found
from renderq_api.representing import Links, represent, retry_after_s
from renderq_api.resolving import new_job, resolve
from renderq_api.services import Services, Serving
from renderq_api.tenants import Tenant
from renderq_api.waiting import Found, wait_for_end
from renderq_shared.jobs import JobRecord, NewJob, QueuePlace, Submission, Submitted

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(no_query)])

_REFUSALS = {
    Submission.KEY_REUSED: (
        ProblemKind.IDEMPOTENCY_KEY_REUSE,
        "This Idempotency-Key came with another body before. Use a new key for a new request.",
    ),
    Submission.QUEUE_FULL: (
        ProblemKind.QUEUE_FULL,
        "The service has as many jobs queued as it takes. Try again later.",
    ),
    Submission.QUOTA_EXCEEDED: (
        ProblemKind.QUOTA_EXCEEDED,
        "You have as many jobs queued as one tenant may. Wait until some have started, or cancel some.",
    ),
}


@router.post(
    "",
    status_code=201,
    response_model=Job,
    summary="Submit a job",
    responses={
        201: {
            "description": "The job is accepted and will reach one terminal status.",
            "headers": answer_headers(
                Location="The job's address.",
                ETag="The job's version.",
                Preference_Applied="`wait=N` as granted.",
                Idempotency_Replayed="`true` if the key was known: the body is the earlier job, as it is now.",
            ),
        },
        **problems(
            ProblemKind.INVALID_REQUEST,
            ProblemKind.MODEL_NOT_FOUND,
            ProblemKind.TASK_NOT_SUPPORTED,
            ProblemKind.TOO_MANY_PIXELS,
            ProblemKind.IDEMPOTENCY_KEY_REUSE,
            ProblemKind.PAYLOAD_TOO_LARGE,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.QUOTA_EXCEEDED,
            ProblemKind.QUEUE_FULL,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "requestBody": JOB_BODY,
        "parameters": [
            PREFER,
            header(
                "Idempotency-Key",
                "Makes a repeated submission safe: within 24 hours the same key and body give the same job.",
                "6f1d7c1e-3a52-4b56-9a53-0d3c6c1f7a10",
                minLength=1,
                maxLength=257,
            ),
        ],
    },
)
async def submit(request: Request, services: Serving, tenant: Tenant) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    body = await read_object(request)
    promise = idempotency(request.headers.getlist("idempotency-key"), "POST", request.url.path, body.canonical)
    job = new_job(
        resolve(body.fields, services.catalog),
        job_id=new_job_id(),
        tenant=tenant,
        attempts_max=services.settings.attempts_max,
        idempotency=promise,
    )
    submitted, record = await _submit(services, job)
    if wait:
        found = await _wait(services, request, tenant, record.id, wait)
    else:
        found = record, submitted.place
    headers = {"Location": Links(str(request.base_url)).job(record.id)}
    if submitted.outcome is Submission.REPLAYED:
        headers["Idempotency-Replayed"] = "true"
    return await _answer(request, services, found, wait, status=201, headers=headers)


@router.get(
    "/{job_id}",
    response_model=Job,
    summary="Look at a job, or wait for its end",
    responses={
        200: {
            "description": "The job as it is.",
            "headers": answer_headers(
                ETag="The job's version. A place in the queue changes without a new version.",
                Retry_After="Seconds until asking again is worth it, while the job has not ended.",
                Preference_Applied="`wait=N` as granted.",
            ),
        },
        304: {"description": "The job still has the version that `If-None-Match` names."},
        **problems(ProblemKind.NOT_FOUND, ProblemKind.STORAGE_UNAVAILABLE),
    },
    openapi_extra={
        "parameters": [PREFER, header("If-None-Match", "An ETag, to be told only of a newer version.", 'W/"7"')]
    },
)
async def look(job_id: str, request: Request, services: Serving, tenant: Tenant) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    found = await _wait(services, request, tenant, job_id, wait or 0)
    record, place = found
    headers = {} if record.status.is_terminal else {"Retry-After": str(retry_after_s(place))}
    if _matches(request.headers.get("if-none-match"), record.version):
        return Response(status_code=304, headers={**headers, **_state_headers(record, wait)})
    return await _answer(request, services, found, wait, headers=headers)


@router.post(
    "/{job_id}/cancel",
    response_model=Job,
    summary="Cancel a job",
    description="Idempotent: a job that has already ended is answered as it is.",
    responses={
        200: {"description": "The job after the call.", "headers": answer_headers(ETag="The job's version.")},
        **problems(
            ProblemKind.NOT_FOUND,
            ProblemKind.PAYLOAD_TOO_LARGE,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
)
async def cancel(job_id: str, request: Request, services: Serving, tenant: Tenant) -> Response:
    await require_no_fields(request)
    record = await services.jobs.cancel(tenant, job_id) if is_job_id(job_id) else None
    if record is None:
        raise _unknown()
    return await _answer(request, services, (record, None), wait=None)


async def _submit(services: Services, job: NewJob) -> tuple[Submitted, JobRecord]:
    submitted = await services.jobs.submit(job, services.bounds)
    if submitted.outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[submitted.outcome])
    if submitted.record is None:
        raise not_found("The job of this Idempotency-Key has been deleted.")
    if submitted.outcome is Submission.ACCEPTED and submitted.wake_length < services.settings.wake_bound:
        services.wakeups.notify(job.model)
    return submitted, submitted.record


async def _wait(services: Services, request: Request, tenant: str, job_id: str, seconds: int) -> Found:
    """Raises `ApiProblem` for a job that this tenant never had."""

    async def read() -> tuple[JobRecord, QueuePlace | None] | None:
        return await services.jobs.get(tenant, job_id)

    found: Found | None = None
    if is_job_id(job_id):
        if seconds:
            with services.watching.watch(job_id) as watcher:
                found = await wait_for_end(services.watching, watcher, read, seconds, request)
        else:
            found = await read()
    if found is None:
        raise _unknown()
    return found


def _unknown() -> ApiProblem:
    return not_found("There is no such job.")


async def _answer(
    request: Request,
    services: Services,
    found: Found,
    wait: int | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    record, place = found
    links = Links(str(request.base_url))
    if services.sign and record.outputs_json:
        job = await asyncio.to_thread(represent, record, place, links, services.sign)
    else:
        job = represent(record, place, links, sign=None)
    return answer(job, status, {**_state_headers(record, wait), **(headers or {})})


def _state_headers(record: JobRecord, wait: int | None) -> dict[str, str]:
    headers = {"ETag": _etag(record.version), "Vary": "Prefer"}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
    return headers


def _etag(version: int) -> str:
    """Weak: signed addresses and the place in the queue differ between two answers of one version."""
    return f'W/"{version}"'


def _matches(if_none_match: str | None, version: int) -> bool:
    candidates = [candidate.strip().removeprefix("W/") for candidate in (if_none_match or "").split(",")]
    return "*" in candidates or f'"{version}"' in candidates
