"""Health routes: liveness and readiness."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq.contract.base import ResponseModel
from renderq_api.http.problems import ApiProblem
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.openapi.responses import problems
from renderq_api.services import Services, ServicesDep
from renderq_shared.errors import RenderqSharedError, StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.objects import published_store_id
from renderq_shared.redis.clients import check_sync_policy
from renderq_shared.redis.permissions import check_permissions_async

router = APIRouter(tags=["health"], dependencies=[Depends(require_no_query)])

_TIMEOUT_S = 0.8
"""Timeout of the object store's check. Redis calls have their own of the same length."""

_HISTORY_AWAY = "history: it does not respond or refuses commands; the log has the reason"


class Health(ResponseModel):
    """Body of a successful liveness check."""

    status: Literal["ok"] = "ok"


class Readiness(ResponseModel):
    """Body of a successful readiness check."""

    status: Literal["ok", "degraded"] = "ok"
    """`degraded`: the service accepts and renders jobs, but `problems` limit it."""
    problems: tuple[str, ...] = ()


@router.get("/healthz", response_model=Health, summary="Check liveness", responses=problems(keyed=False))
async def check_liveness() -> Response:
    return json_response(Health())


@router.get(
    "/readyz",
    response_model=Readiness,
    summary="Check readiness: Redis would accept a job, and the object store responds",
    description="A history that does not respond makes the service `degraded`, with status 200: it accepts, renders "
    "and shows current jobs, and archives them later.",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE, keyed=False),
)
async def check_readiness(services: ServicesDep) -> Response:
    redis, objects = await asyncio.gather(_redis_problem(services), services.store_health.problem(_TIMEOUT_S))
    own = services.loops.problem() or services.registration.problem
    if redis or objects or own:
        kind = ProblemKind.SERVICE_UNAVAILABLE if redis or own else ProblemKind.STORAGE_UNAVAILABLE
        raise ApiProblem(kind, "; ".join(filter(None, (redis, objects, own))) + ".")
    if services.archiver.problem:
        return json_response(Readiness(status="degraded", problems=(_HISTORY_AWAY,)))
    return json_response(Readiness())


async def _redis_problem(services: Services) -> str | None:
    """Return what is wrong with Redis, `None` if it would accept a job and names our object store."""
    try:
        published, _, _ = await asyncio.gather(
            published_store_id(services.redis),
            services.jobs.call(commands.check_submission()),
            check_permissions_async(services.redis, "api"),
        )
        if services.settings.durable:
            await check_sync_policy(services.redis)
        own = await asyncio.to_thread(lambda: services.objects.id)
    except StoreUnavailable as error:
        return f"Redis refuses commands: {error.refusal}" if error.refusal else str(error)
    except RenderqSharedError as error:
        return str(error)
    if published not in {None, own}:
        return "another API process uses a different object store; all API processes must share one"
    return None
