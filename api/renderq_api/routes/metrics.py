"""Metrics route, for scrapers with an admin key. `RENDERQ_METRICS_PORT` serves the same without one."""

import asyncio

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq_api.auth import admin_only
from renderq_api.http.query import require_no_query
from renderq_api.openapi.responses import problems
from renderq_api.services import ServicesDep
from renderq_shared.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"], dependencies=[Depends(require_no_query), Depends(admin_only)])


@router.get(
    "/metrics",
    summary="Get this process's metrics for Prometheus (admin)",
    description="Prometheus' text format. Give the scraper an admin key as its bearer token.",
    response_class=Response,
    responses={
        200: {
            "description": "All metrics.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "renderq_redis_up 1.0\n"}},
        },
        **problems(),
    },
)
async def get_metrics(services: ServicesDep) -> Response:
    await services.metrics.refresh()
    page = await asyncio.to_thread(services.metrics.render)
    return Response(page, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})
