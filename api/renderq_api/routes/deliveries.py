"""Webhook delivery routes: list a job's deliveries, replay one."""

import json

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Delivery, DeliveryAttempt, DeliveryList, ProblemKind
from renderq_api.auth import TenantDep
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import not_found
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
from renderq_api.routes.job_lookup import JobIdDep, require_job
from renderq_api.services import ServicesDep
from renderq_api.webhooks.target import webhook_url
from renderq_shared.jobs import DeliveryRecord

router = APIRouter(prefix="/v1", tags=["webhooks"], dependencies=[Depends(require_no_query)])


@router.get(
    "/jobs/{job_id}/deliveries",
    response_model=DeliveryList,
    summary="List a job's webhook deliveries",
    description="One delivery per event, kept as long as the job.",
    responses=problems(ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE),
)
async def list_deliveries(job_id: JobIdDep, services: ServicesDep, tenant: TenantDep) -> Response:
    record, _ = require_job(await services.directory.find(tenant, job_id))
    deliveries = await services.deliveries.of_job(record)
    return json_response(DeliveryList(data=tuple(map(_delivery, deliveries))))


@router.post(
    "/deliveries/{delivery_id}/replay",
    response_model=Delivery,
    summary="Send a delivery again",
    description="Makes the delivery due at once with the same `webhook-id`. An ended delivery restarts its retry "
    "schedule.",
    responses=problems(ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE, *BODY_PROBLEMS),
)
async def replay_delivery(delivery_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    await require_no_fields(request)
    delivery = await services.deliveries.replay(tenant, delivery_id)
    if delivery is None:
        raise not_found(
            "Delivery not found. It was deleted with its job, or it belongs to the tenant of another key, or the id is "
            "wrong. GET /v1/jobs/{job_id}/deliveries lists those of a job."
        )
    return json_response(_delivery(delivery))


def _delivery(record: DeliveryRecord) -> Delivery:
    return Delivery(
        id=record.id,
        job_id=record.job_id,
        type=record.event,
        url=webhook_url(record.record),
        status=record.status,
        created_at=timestamp(record.created_ms),
        next_attempt_at=None if record.due_ms is None else timestamp(record.due_ms),
        attempts=tuple(DeliveryAttempt.model_validate(attempt) for attempt in json.loads(record.log_json or "[]")),
    )
