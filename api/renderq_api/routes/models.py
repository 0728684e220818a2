"""Model routes: the catalog with current queue, worker and timing data."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import Model, ModelList, ProblemKind
from renderq_api.http.problems import not_found
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.openapi.document import problems
from renderq_api.services import Services, ServicesDep
from renderq_shared.catalog import ModelEntry
from renderq_shared.imaging.cost import cost
from renderq_shared.jobs import commands

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(require_no_query)])


@router.get("", response_model=ModelList, summary="List models", responses=problems())
async def list_models(services: ServicesDep) -> Response:
    return json_response(ModelList(data=await describe_models(services, services.catalog.models)))


@router.get("/{name}", response_model=Model, summary="Get a model", responses=problems(ProblemKind.NOT_FOUND))
async def get_model(name: str, services: ServicesDep) -> Response:
    [model] = await describe_models(services, (get_entry(services, name),))
    return json_response(model)


def get_entry(services: Services, name: str) -> ModelEntry:
    """Return a catalog entry. Raises `ApiProblem` for an unknown model."""
    entry = services.catalog.get(name)
    if entry is None:
        raise not_found(f"Model not found. Known models: {', '.join(services.catalog.names[:20])}.")
    return entry


async def describe_models(services: Services, entries: tuple[ModelEntry, ...]) -> tuple[Model, ...]:
    """Return models with their current queue, worker and timing data."""
    stats = await services.jobs.call(commands.stats())
    queued = {queue.model: queue.queued for queue in stats.queues}
    return tuple(
        Model(
            name=entry.name,
            description=entry.description,
            family=entry.family,
            tasks=entry.tasks,
            revision=entry.revision,
            license=entry.license,
            schedulers=entry.schedulers,
            supports_negative_prompt=entry.supports_negative_prompt,
            has_depth_estimator=entry.has_depth_estimator,
            watermark=entry.watermark,
            default=entry is services.catalog.default,
            defaults=entry.defaults,
            limits=entry.limits,
            queued_jobs=queued.get(entry.name, 0),
            running_jobs=stats.running.get(entry.name, 0),
            paused=entry.name in stats.paused,
            workers=sum(entry.name in worker.models for worker in stats.workers),
            warm_workers=sum(entry.name in worker.resident_models for worker in stats.workers),
            seconds_per_image=services.eta_cache.seconds_per_image(
                entry.name, cost(entry.defaults.steps, entry.defaults.width, entry.defaults.height)
            ),
        )
        for entry in entries
    )
