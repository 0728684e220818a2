"""Admin routes: list tenants, pause and resume models and tenants, delete all data of a tenant."""

from typing import Literal, get_args

from fastapi import APIRouter, Depends
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Model, ProblemKind, Purge, Tenant, TenantList
from renderq_api.auth import admin_only
from renderq_api.housekeeping import top_up_wakeups
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import not_found
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
from renderq_api.routes.models import describe_models, get_entry
from renderq_api.services import Services, ServicesDep
from renderq_shared.access import DEFAULT_TENANT, is_tenant
from renderq_shared.jobs import PurgeRecord, TenantRecord, commands

router = APIRouter(prefix="/v1", dependencies=[Depends(require_no_query), Depends(admin_only)])

Action = Literal["pause", "resume"]


class _ActionConvertor(StringConvertor):
    """Part of a path that is an action: other paths have routes of their own, or none."""

    regex = "|".join(get_args(Action))


register_url_convertor("action", _ActionConvertor())

_DESCRIPTION = (
    "While paused, none of its queued jobs start. Running jobs continue and new jobs are accepted. Queued jobs keep "
    "their position and deadline and show `wait_reason: paused`. Idempotent."
)
_PROBLEMS = problems(ProblemKind.NOT_FOUND, *BODY_PROBLEMS)


@router.post(
    "/models/{name}/{action:action}",
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
    [model] = await describe_models(request, services, (entry,))
    return json_response(model)


@router.get(
    "/tenants", response_model=TenantList, tags=["tenants"], summary="List tenants (admin)", responses=problems()
)
async def list_tenants(services: ServicesDep) -> Response:
    return json_response(TenantList(data=tuple(map(_tenant, (await _known_tenants(services)).values()))))


@router.post(
    "/tenants/{name}/{action:action}",
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


@router.delete(
    "/tenants/{name}/data",
    status_code=202,
    response_model=Purge,
    tags=["tenants"],
    summary="Delete all data of a tenant (admin)",
    description="Cancels its jobs, and deletes jobs, images, uploaded images and usage. Its API keys remain. Until "
    "`completed_at` is set, the tenant can submit and upload nothing. Idempotent: a repeated request returns the "
    "deletion in progress.",
    responses={202: {"description": "The deletion is in progress."}, **problems(ProblemKind.NOT_FOUND)},
)
async def purge_tenant(name: str, services: ServicesDep) -> Response:
    if not is_tenant(name):
        raise not_found("Tenant not found: this is not a name of a tenant.")
    return json_response(_purge(await services.jobs.call(commands.start_purge(name))), 202)


@router.get(
    "/tenants/{name}/data",
    response_model=Purge,
    tags=["tenants"],
    summary="Get the deletion of a tenant's data (admin)",
    description="It is in progress, or has ended within the last day.",
    responses=problems(ProblemKind.NOT_FOUND),
)
async def get_purge(name: str, services: ServicesDep) -> Response:
    record = await services.jobs.call(commands.get_purge(name))
    if record is None:
        raise not_found("No data of this tenant was deleted within the last day.")
    return json_response(_purge(record))


async def _known_tenants(services: Services) -> dict[str, TenantRecord]:
    """Return the default tenant, tenants with a key and tenants with jobs, by name."""
    queued = {tenant.name: tenant for tenant in await services.jobs.call(commands.tenants())}
    names = {DEFAULT_TENANT, *services.keys.tenants, *queued}
    return {name: queued.get(name) or TenantRecord(name) for name in sorted(names)}


def _tenant(record: TenantRecord) -> Tenant:
    return Tenant(name=record.name, queued_jobs=record.queued, weight=record.weight, paused=record.paused)


def _purge(record: PurgeRecord) -> Purge:
    return Purge(
        tenant=record.tenant,
        started_at=timestamp(record.started_ms),
        completed_at=None if record.completed_ms is None else timestamp(record.completed_ms),
        jobs=record.jobs,
        assets=record.assets,
    )


async def _wake(services: Services) -> None:
    """Wake workers now, so that resumed jobs do not wait for the next sweep."""
    top_up_wakeups(services.wakeups, await services.jobs.call(commands.queues()), services.settings.max_pending_wakeups)
