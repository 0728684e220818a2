"""For whoever looks after the service: hold back a model's or a tenant's jobs, and let them go on."""

from typing import Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Model, ProblemKind, Tenant, TenantList
from renderq_api.auth.caller import admin_only
from renderq_api.housekeeping.sweeper import top_up_wakeups
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import not_found
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.openapi.document import problems
from renderq_api.routes.models import describe_models, get_entry
from renderq_api.services import Services, ServicesDep
from renderq_shared.access import DEFAULT_TENANT
from renderq_shared.jobs import TenantRecord, commands

router = APIRouter(prefix="/v1", dependencies=[Depends(require_no_query), Depends(admin_only)])

Action = Literal["pause", "resume"]

_DESCRIPTION = (
    "While it is paused none of its jobs are given to workers; those that run go on, new ones are accepted, and what "
    "waits keeps its place and its deadline, with `wait_reason: paused`. Idempotent."
)
_PROBLEMS = problems(ProblemKind.NOT_FOUND, ProblemKind.PAYLOAD_TOO_LARGE, ProblemKind.UNSUPPORTED_MEDIA_TYPE)


@router.post(
    "/models/{name}/{action}",
    response_model=Model,
    tags=["models"],
    summary="Pause a model, or go on with it (admin)",
    description=_DESCRIPTION,
    responses=_PROBLEMS,
)
async def pause_model(name: str, action: Action, request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    entry = get_entry(services, name)
    await services.jobs.call(commands.pause_model(entry.name, action == "pause"))
    await _wake(services)
    [model] = await describe_models(services, (entry,))
    return json_response(model)


@router.get(
    "/tenants", response_model=TenantList, tags=["tenants"], summary="List the tenants (admin)", responses=problems()
)
async def tenants(services: ServicesDep) -> Response:
    return json_response(TenantList(data=tuple(map(_tenant, (await _known(services)).values()))))


@router.post(
    "/tenants/{name}/{action}",
    response_model=Tenant,
    tags=["tenants"],
    summary="Pause a tenant, or go on with it (admin)",
    description=_DESCRIPTION,
    responses=_PROBLEMS,
)
async def pause_tenant(name: str, action: Action, request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    known = await _known(services)
    if name not in known:
        raise not_found(f"There is no such tenant; there are {', '.join(list(known)[:20])}.")
    await services.jobs.call(commands.pause_tenant(name, action == "pause"))
    await _wake(services)
    return json_response(_tenant((await _known(services))[name]))


async def _known(services: Services) -> dict[str, TenantRecord]:
    """Those that have a key and those that have jobs, by name."""
    queued = {tenant.name: tenant for tenant in await services.jobs.call(commands.tenants())}
    names = {DEFAULT_TENANT, *services.keys.tenants, *queued}
    return {name: queued.get(name) or TenantRecord(name) for name in sorted(names)}


def _tenant(record: TenantRecord) -> Tenant:
    return Tenant(name=record.name, queued_jobs=record.queued, weight=record.weight, paused=record.paused)


async def _wake(services: Services) -> None:
    """What may be given out again need not wait for the next sweep."""
    top_up_wakeups(services.wakeups, await services.jobs.call(commands.queues()), services.settings.max_pending_wakeups)
