"""Health routes: liveness and readiness."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq.contract.base import ResponseModel
from renderq_api.http.problems import ApiProblem
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.openapi.document import problems
from renderq_api.services import Services, ServicesDep
from renderq_shared.errors import RenderqSharedError, StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.objects import published_store_id

router = APIRouter(tags=["health"], dependencies=[Depends(require_no_query)])

_TIMEOUT_S = 0.8
"""Timeout of the object store's check. Redis calls have their own of the same length."""


class Health(ResponseModel):
    """Body of a successful health check."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", response_model=Health, summary="Check liveness", responses=problems(keyed=False))
async def check_liveness() -> Response:
    return json_response(Health())


@router.get(
    "/readyz",
    response_model=Health,
    summary="Check readiness: Redis would accept a job, and the object store responds",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE, keyed=False),
)
async def check_readiness(services: ServicesDep) -> Response:
    redis, objects = await asyncio.gather(_redis_problem(services), services.store_health.problem(_TIMEOUT_S))
    own = services.loops.problem()
    if redis or objects or own:
        kind = ProblemKind.SERVICE_UNAVAILABLE if redis or own else ProblemKind.STORAGE_UNAVAILABLE
        raise ApiProblem(kind, "; ".join(filter(None, (redis, objects, own))) + ".")
    return json_response(Health())


async def _redis_problem(services: Services) -> str | None:
    """Return what is wrong with Redis, `None` if it would accept a job and names our object store."""
    try:
        published, _ = await asyncio.gather(
            published_store_id(services.redis), services.jobs.call(commands.check_submission())
        )
        own = await asyncio.to_thread(lambda: services.objects.id)
    except StoreUnavailable as error:
        return f"Redis refuses commands: {error.refusal}" if error.refusal else str(error)
    except RenderqSharedError as error:
        return str(error)
    if published not in {None, own}:
        return "another API process uses a different object store; all API processes must share one"
    return None
