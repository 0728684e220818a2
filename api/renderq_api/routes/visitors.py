"""Visitor route: a key for everybody, on a service that is an open demo."""

import math

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind, Visitor
from renderq_api.auth import Caller
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import ApiProblem, daily_limit_reached, demo_full, not_found
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
from renderq_api.responses.caller_limits import caller_limits
from renderq_api.services import Services, ServicesDep
from renderq_shared.access import Admission, AdmissionOutcome

router = APIRouter(prefix="/v1/visitors", tags=["access"], dependencies=[Depends(require_no_query)])


@router.post(
    "",
    status_code=201,
    response_model=Visitor,
    summary="Get a visitor's API key",
    description="Only on an open demo. Needs no key. The key is of a tenant of its own, whose jobs and images are "
    "deleted at `expires_at`. An address gets a few keys a day: keep the key.",
    responses=problems(
        ProblemKind.NOT_FOUND, ProblemKind.DAILY_LIMIT_REACHED, ProblemKind.DEMO_FULL, *BODY_PROBLEMS, keyed=False
    ),
)
async def create_visitor(request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    if not services.visitors.is_enabled:
        raise not_found("This service has no visitors: it is no open demo. The operator creates keys.")
    key, admission = await services.visitors.admit(request.client.host if request.client else None)
    record = admission.key
    if record is None:
        raise _refusal(services, admission)
    limits = caller_limits(services, Caller(record.tenant, record.role, record))
    visitor = Visitor(key=key.text, expires_at=timestamp(record.expires_ms or 0), limits=limits)
    return json_response(visitor, 201, {"Cache-Control": "no-store"})


def _refusal(services: Services, admission: Admission) -> ApiProblem:
    if admission.outcome is AdmissionOutcome.FULL:
        return demo_full(math.ceil(admission.wait_ms / 1000))
    most = services.settings.visitors_keys_per_address
    detail = (
        f"Your address has already had {most} visitors today. Use a key that you have, come back tomorrow, or run "
        "renderq yourself."
    )
    return daily_limit_reached(detail, admission.wait_ms)
