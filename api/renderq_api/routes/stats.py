"""Stats route: load of the service."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import ModelStats, Stats
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.openapi.document import problems
from renderq_api.services import ServicesDep
from renderq_shared.jobs import commands

router = APIRouter(prefix="/v1/stats", tags=["workers"], dependencies=[Depends(require_no_query)])


@router.get("", response_model=Stats, summary="Get queue lengths, waiting times and workers", responses=problems())
async def get_stats(services: ServicesDep) -> Response:
    stats = await services.jobs.call(commands.stats())
    queues = {queue.model: queue for queue in stats.queues}
    # A model removed from the catalog may still have jobs.
    others = sorted({*queues, *stats.running, *stats.paused} - set(services.catalog.names))
    models = tuple(
        ModelStats(
            model=model,
            queued_jobs=queues[model].queued if model in queues else 0,
            oldest_seconds=queues[model].oldest_age_ms / 1000 if model in queues else None,
            running_jobs=stats.running.get(model, 0),
            paused=model in stats.paused,
            workers=sum(model in worker.models for worker in stats.workers),
        )
        for model in (*services.catalog.names, *others)
    )
    return json_response(
        Stats(
            queued_jobs=sum(model.queued_jobs for model in models),
            running_jobs=sum(model.running_jobs for model in models),
            workers=len(stats.workers),
            models=models,
        )
    )
