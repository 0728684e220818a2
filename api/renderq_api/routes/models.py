"""The catalog, with what workers make of it at the moment."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import Model, ModelList, ProblemKind
from renderq_api.answers import answer, no_query
from renderq_api.openapi import problems
from renderq_api.problems import not_found
from renderq_api.services import Services, Serving
from renderq_shared.catalog import ModelEntry
from renderq_shared.costs import cost

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(no_query)])


@router.get("", response_model=ModelList, summary="List the models", responses=problems())
async def models(services: Serving) -> Response:
    return answer(ModelList(data=await described(services, services.catalog.models)))


@router.get("/{name}", response_model=Model, summary="Look at a model", responses=problems(ProblemKind.NOT_FOUND))
async def model(name: str, services: Serving) -> Response:
    [found] = await described(services, (entry_of(services, name),))
    return answer(found)


def entry_of(services: Services, name: str) -> ModelEntry:
    """Raises `ApiProblem`."""
    entry = services.catalog.get(name)
    if entry is None:
        raise not_found(f"There is no such model; there are {', '.join(services.catalog.names[:20])}.")
    return entry


async def described(services: Services, entries: tuple[ModelEntry, ...]) -> tuple[Model, ...]:
    """Models as they are at the moment."""
    now = await services.jobs.stats()
    queued = {queue.model: queue.queued for queue in now.queues}
    return tuple(
        Model(
            name=entry.name,
            description=entry.description,
            family=entry.family,
            tasks=entry.tasks,
            revision=entry.revision,
            licence=entry.licence,
            schedulers=entry.schedulers,
            takes_negative_prompt=entry.takes_negative_prompt,
            estimates_depth=entry.estimates_depth,
            watermark=entry.watermark,
            default=entry is services.catalog.default,
            defaults=entry.defaults,
            limits=entry.limits,
            queued_jobs=queued.get(entry.name, 0),
            running_jobs=now.running.get(entry.name, 0),
            paused=entry.name in now.paused,
            workers=sum(entry.name in worker.models for worker in now.workers),
            warm_workers=sum(entry.name in worker.resident_models for worker in now.workers),
            seconds_per_image=services.estimates.seconds_per_image(
                entry.name, cost(entry.defaults.steps, entry.defaults.width, entry.defaults.height)
            ),
        )
        for entry in entries
    )
