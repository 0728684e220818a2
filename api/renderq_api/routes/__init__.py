"""HTTP routes, one module per resource."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from renderq_api.routes import (
    admin,
    assets,
    batches,
    bulk,
    deliveries,
    events,
    files,
    health,
    images,
    job_list,
    jobs,
    me,
    metrics,
    models,
    stats,
    tenant_events,
    usage,
    visitors,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    bulk.router,
    batches.router,
    events.router,
    tenant_events.router,
    job_list.router,
    deliveries.router,
    images.router,
    assets.router,
    files.router,
    me.router,
    visitors.router,
    models.router,
    admin.router,
    workers.router,
    stats.router,
    usage.router,
    health.router,
    metrics.router,
)


def answer_head(router: APIRouter) -> None:
    """Answer HEAD wherever the router answers GET (RFC 9110, 9.3.2). The server leaves out the body."""
    for route in tuple(router.routes):
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            path = route.path.removeprefix(router.prefix)
            router.add_api_route(path, route.endpoint, methods=["HEAD"], include_in_schema=False)


for _router in ROUTERS:
    answer_head(_router)

__all__ = ["ROUTERS", "answer_head"]
