"""HTTP routes, one module per resource."""

from fastapi import APIRouter

from renderq_api.routes import (
    admin,
    assets,
    deliveries,
    events,
    files,
    health,
    images,
    job_list,
    jobs,
    models,
    stats,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    events.router,
    job_list.router,
    deliveries.router,
    images.router,
    assets.router,
    files.router,
    models.router,
    admin.router,
    workers.router,
    stats.router,
    health.router,
)

__all__ = ["ROUTERS"]
