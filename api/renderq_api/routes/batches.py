"""Batch routes: submit, list, get, cancel, retry."""

import asyncio
import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import LIMITS, Batch, BatchList, ProblemKind, SubmitBatch
from renderq_api.auth import Caller, CallerDep, TenantDep, no_visitors
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_large_object, require_no_fields
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.validation import validate
from renderq_api.job_views.batch_snapshot import BatchSnapshot
from renderq_api.job_views.batch_view import to_batch
from renderq_api.job_views.pagination import BATCH_LIST_PARAMETERS, parse_batch_list_query
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY, query_parameters
from renderq_api.openapi.request_bodies import BATCH_BODY
from renderq_api.openapi.responses import ACCEPTED_BATCH, BODY_PROBLEMS, SUBMISSION_PROBLEMS, problems
from renderq_api.responses.job_links import urls_for
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.batch_items import BatchItem, batch_items
from renderq_api.submission.batch_submission import AcceptedBatch, replay_batch, submit_batch
from renderq_shared.ids import is_batch_id
from renderq_shared.jobs import Idempotency, JobRecord
from renderq_shared.jobs.stored_results import decode_batch

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_MAX_VALUES = 100 * LIMITS.batch_jobs
"""Maximum number of fields and list items of a body."""


async def _batch_id(batch_id: str) -> str:
    if not is_batch_id(batch_id):
        raise _batch_not_found()
    return batch_id


_BatchIdDep = Annotated[str, Depends(_batch_id)]


@router.post(
    "",
    status_code=201,
    response_model=Batch,
    summary="Submit a batch of jobs",
    description=f"Up to {LIMITS.batch_jobs:,} requests, or one request and axes: one job for each combination of their "
    "values. All jobs are accepted, or none. Errors point into the body, such as `/requests/17/steps`.",
    responses={**ACCEPTED_BATCH, **problems(ProblemKind.INVALID_REQUEST, *SUBMISSION_PROBLEMS)},
    openapi_extra={"requestBody": BATCH_BODY, "parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(require_no_query), Depends(no_visitors)],
)
async def create_batch(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    body = await read_large_object(request, LIMITS.batch_bytes, _MAX_VALUES)
    idempotency = parse_idempotency_key(
        request.headers.getlist("idempotency-key"), "POST", request.url.path, body.canonical
    )
    items = await asyncio.to_thread(lambda: batch_items(validate(SubmitBatch, body.fields)))
    accepted = await replay_batch(services, caller.tenant, idempotency)
    accepted = accepted or await submit_batch(services, caller, items, idempotency)
    return await _accepted_response(request, services, caller.tenant, accepted)


@router.get(
    "",
    response_model=BatchList,
    summary="List batches, newest first",
    responses=problems(ProblemKind.HISTORY_UNAVAILABLE),
    openapi_extra={"parameters": query_parameters(BATCH_LIST_PARAMETERS)},
)
async def list_batches(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    limit, before = parse_batch_list_query(request.query_params.multi_items())
    page = await services.batches.page(tenant, limit, before)
    data = tuple(_view(request, services, batch) for batch in page.batches)
    return json_response(BatchList(data=data, next_cursor=page.last))


@router.get(
    "/{batch_id}",
    response_model=Batch,
    summary="Get a batch",
    description="Its number of jobs by status, and when the last one ends. `GET /v1/jobs?batch=ID` lists its jobs.",
    responses=problems(ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE),
    dependencies=[Depends(require_no_query)],
)
async def get_batch(batch_id: _BatchIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    return json_response(_view(request, services, await services.batches.find(tenant, batch_id)))


@router.post(
    "/{batch_id}/cancel",
    response_model=Batch,
    summary="Cancel the jobs of a batch that have not ended",
    description="Idempotent. If the response is an error, some jobs may be canceled already: repeat the request.",
    responses=problems(ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE, *BODY_PROBLEMS),
    dependencies=[Depends(require_no_query)],
)
async def cancel_batch(batch_id: _BatchIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    await require_no_fields(request)
    return json_response(_view(request, services, await services.batches.cancel(tenant, batch_id)))


@router.post(
    "/{batch_id}/retry",
    status_code=201,
    response_model=Batch,
    summary="Retry the jobs of a batch that failed, were canceled or expired",
    description="Creates a new batch of their requests, including the seeds. Its jobs have `retried_from`.",
    responses={**ACCEPTED_BATCH, **problems(ProblemKind.NOTHING_TO_RETRY, *SUBMISSION_PROBLEMS)},
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(require_no_query), Depends(no_visitors)],
)
async def retry_batch(batch_id: _BatchIdDep, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    await require_no_fields(request)
    idempotency = parse_idempotency_key(request.headers.getlist("idempotency-key"), "POST", request.url.path, b"")
    # An earlier retry stands, even if the batch or what was to retry of it has been deleted since.
    accepted = await replay_batch(services, caller.tenant, idempotency)
    accepted = accepted or await _retry(services, caller, batch_id, idempotency)
    return await _accepted_response(request, services, caller.tenant, accepted)


async def _retry(services: Services, caller: Caller, batch_id: str, idempotency: Idempotency | None) -> AcceptedBatch:
    batch = await services.batches.find(caller.tenant, batch_id)
    if batch is None:
        raise _batch_not_found()
    jobs = await services.batches.unsuccessful(caller.tenant, batch)
    if not jobs:
        raise ApiProblem(ProblemKind.NOTHING_TO_RETRY, "No job of the batch has failed, was canceled or has expired.")
    items = await asyncio.to_thread(lambda: [_retry_item(job) for job in jobs])
    return await submit_batch(services, caller, items, idempotency)


def _retry_item(job: JobRecord) -> BatchItem:
    values = decode_batch(job.batch_json or "{}").values
    return BatchItem(partial(json.loads, job.request_json), f"/{job.id}", values, retried_from=job.id)


async def _accepted_response(request: Request, services: Services, tenant: str, accepted: AcceptedBatch) -> Response:
    headers = {"Location": urls_for(request).batch(accepted.id)}
    if accepted.is_replayed:
        headers["Idempotency-Replayed"] = "true"
    batch = await services.batches.find(tenant, accepted.id)
    if batch is None:
        raise not_found(
            "All jobs of the batch of this Idempotency-Key have been deleted. Send the request with another key to "
            "render them again."
        )
    return json_response(_view(request, services, batch), 201, headers)


def _view(request: Request, services: Services, batch: BatchSnapshot | None) -> Batch:
    if batch is None:
        raise _batch_not_found()
    etas = [services.eta_cache.eta(record, position) for record, position in batch.open_jobs]
    return to_batch(batch, etas, urls_for(request))


def _batch_not_found() -> ApiProblem:
    return not_found(
        "Batch not found. All its jobs were deleted, or it belongs to the tenant of another key, or the id is wrong. "
        "GET /v1/batches lists the batches of your key."
    )
