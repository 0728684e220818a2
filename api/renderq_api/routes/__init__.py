"""The routes, one module per resource."""

from fastapi import APIRouter

from renderq_api.routes import (
    assets,
    deliveries,
    events,
    files,
    health,
    history,
    images,
    jobs,
    models,
    pausing,
    stats,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    events.router,
    history.router,
    deliveries.router,
    images.router,
    assets.router,
    files.router,
    models.router,
    pausing.router,
    workers.router,
    stats.router,
    health.router,
)

__all__ = ["ROUTERS"]
