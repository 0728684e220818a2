"""Admin routes: list tenants, pause and resume models and tenants."""

from typing import Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Model, ProblemKind, Tenant, TenantList
from renderq_api.auth import admin_only
from renderq_api.housekeeping import top_up_wakeups
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import not_found
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.openapi.document import BODY_PROBLEMS, problems
from renderq_api.routes.models import describe_models, get_entry
from renderq_api.services import Services, ServicesDep
from renderq_shared.access import DEFAULT_TENANT
from renderq_shared.jobs import TenantRecord, commands

router = APIRouter(prefix="/v1", dependencies=[Depends(require_no_query), Depends(admin_only)])

Action = Literal["pause", "resume"]

_DESCRIPTION = (
    "While paused, none of its queued jobs start. Running jobs continue and new jobs are accepted. Queued jobs keep "
    "their position and deadline and show `wait_reason: paused`. Idempotent."
)
_PROBLEMS = problems(ProblemKind.NOT_FOUND, *BODY_PROBLEMS)


@router.post(
    "/models/{name}/{action}",
    response_model=Model,
    tags=["models"],
    summary="Pause or resume a model (admin)",
    description=_DESCRIPTION,
    responses=_PROBLEMS,
)
async def pause_or_resume_model(name: str, action: Action, request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    entry = get_entry(services, name)
    await services.jobs.call(commands.pause_model(entry.name, action == "pause"))
    await _wake(services)
    [model] = await describe_models(services, (entry,))
    return json_response(model)


@router.get(
    "/tenants", response_model=TenantList, tags=["tenants"], summary="List tenants (admin)", responses=problems()
)
async def list_tenants(services: ServicesDep) -> Response:
    return json_response(TenantList(data=tuple(map(_tenant, (await _known_tenants(services)).values()))))


@router.post(
    "/tenants/{name}/{action}",
    response_model=Tenant,
    tags=["tenants"],
    summary="Pause or resume a tenant (admin)",
    description=_DESCRIPTION,
    responses=_PROBLEMS,
)
async def pause_or_resume_tenant(name: str, action: Action, request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    known = await _known_tenants(services)
    if name not in known:
        raise not_found(f"Tenant not found. Known tenants: {', '.join(list(known)[:20])}.")
    await services.jobs.call(commands.pause_tenant(name, action == "pause"))
    await _wake(services)
    return json_response(_tenant((await _known_tenants(services))[name]))


async def _known_tenants(services: Services) -> dict[str, TenantRecord]:
    """Return the default tenant, tenants with a key and tenants with jobs, by name."""
    queued = {tenant.name: tenant for tenant in await services.jobs.call(commands.tenants())}
    names = {DEFAULT_TENANT, *services.keys.tenants, *queued}
    return {name: queued.get(name) or TenantRecord(name) for name in sorted(names)}


def _tenant(record: TenantRecord) -> Tenant:
    return Tenant(name=record.name, queued_jobs=record.queued, weight=record.weight, paused=record.paused)


async def _wake(services: Services) -> None:
    """Wake workers now, so that resumed jobs do not wait for the next sweep."""
    top_up_wakeups(services.wakeups, await services.jobs.call(commands.queues()), services.settings.max_pending_wakeups)
