"""Is the process alive, and can it do its work?"""

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
from renderq_shared.errors import RenderqSharedError
from renderq_shared.objects import published_store_id

router = APIRouter(tags=["health"], dependencies=[Depends(require_no_query)])

_PATIENCE_S = 0.8
"""A part that takes longer to answer is as good as away."""


class Health(ResponseModel):
    status: Literal["ok"] = "ok"


@router.get("/healthz", response_model=Health, summary="Is the process alive?", responses=problems(keyed=False))
async def alive() -> Response:
    return json_response(Health())


@router.get(
    "/readyz",
    response_model=Health,
    summary="Do Redis and the object store answer?",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE, keyed=False),
)
async def ready(services: ServicesDep) -> Response:
    redis, objects = await asyncio.gather(
        _redis_obstacle(services), services.store_health.problem(timeout_s=_PATIENCE_S)
    )
    if redis or objects:
        kind = ProblemKind.SERVICE_UNAVAILABLE if redis else ProblemKind.STORAGE_UNAVAILABLE
        raise ApiProblem(kind, "; ".join(filter(None, (redis, objects))) + ".")
    return json_response(Health())


async def _redis_obstacle(services: Services) -> str | None:
    try:
        announced = await published_store_id(services.redis)
        own = await asyncio.to_thread(lambda: services.objects.id)
    except RenderqSharedError as error:
        return str(error)
    if announced not in {None, own}:
        return "another API process serves another object store; all must share one"
    return None
