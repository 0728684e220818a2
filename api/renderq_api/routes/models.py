"""Model routes: the catalog with current queue, worker and timing data; images of models; styles."""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Model, ModelEmbedding, ModelLora, ProblemKind, Style, StyleList
from renderq.contract.base import ResponseModel
from renderq_api.http.etag import is_current, strong_etag
from renderq_api.http.problems import not_found
from renderq_api.http.public_address import base_url
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.openapi.responses import problems, response_headers
from renderq_api.responses.image_response import IMAGE_CONTENT
from renderq_api.services import Services, ServicesDep
from renderq_shared.catalog import ModelEntry
from renderq_shared.imaging.cost import cost
from renderq_shared.jobs import commands


class ListedModel(Model):
    """A model, also with the fields that clients of OpenAI's API read."""

    id: str = Field(description="As `name`.")
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["renderq"] = "renderq"


class ListedModels(ResponseModel):
    """All models, also with the field that clients of OpenAI's API read."""

    object: Literal["list"] = "list"
    data: tuple[ListedModel, ...]


router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(require_no_query)])


@router.get("/models", response_model=ListedModels, summary="List models", responses=problems())
async def list_models(request: Request, services: ServicesDep) -> Response:
    return json_response(ListedModels(data=await describe_models(request, services, services.catalog.models)))


@router.get(
    "/models/{name}", response_model=ListedModel, summary="Get a model", responses=problems(ProblemKind.NOT_FOUND)
)
async def get_model(name: str, request: Request, services: ServicesDep) -> Response:
    [model] = await describe_models(request, services, (get_entry(services, name),))
    return json_response(model)


@router.get(
    "/models/{name}/image",
    response_class=Response,
    summary="Download the image of a model",
    responses={
        200: {"description": "The image.", "content": IMAGE_CONTENT, "headers": response_headers(ETag="Its digest.")},
        304: {"description": "The image is the one that `If-None-Match` names."},
        **problems(ProblemKind.NOT_FOUND),
    },
)
async def get_model_image(name: str, request: Request, services: ServicesDep) -> Response:
    image = services.model_images.get(get_entry(services, name).name)
    if image is None:
        raise not_found("The model has no image.")
    headers = {"ETag": strong_etag(image.digest), "Cache-Control": "private, max-age=3600"}
    if is_current(request.headers.getlist("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(image.data, headers={**headers, "X-Content-Type-Options": "nosniff"}, media_type=image.content_type)


@router.get("/styles", response_model=StyleList, summary="List styles", responses=problems())
async def list_styles(services: ServicesDep) -> Response:
    return json_response(StyleList(data=tuple(Style(**dict(style)) for style in services.catalog.styles)))


def get_entry(services: Services, name: str) -> ModelEntry:
    """Return a catalog entry. Raises `ApiProblem` for an unknown model."""
    entry = services.catalog.get(name)
    if entry is None:
        raise not_found(f"Model not found. Known models: {', '.join(services.catalog.names[:20])}.")
    return entry


async def describe_models(
    request: Request, services: Services, entries: tuple[ModelEntry, ...]
) -> tuple[ListedModel, ...]:
    """Return models with their current queue, worker and timing data."""
    stats = await services.jobs.call(commands.stats())
    queued = {queue.model: queue.queued for queue in stats.queues}
    return tuple(
        ListedModel(
            id=entry.name,
            name=entry.name,
            title=entry.title,
            description=entry.description,
            examples=entry.examples,
            image_url=UrlBuilder(base_url(request)).model_image(entry.name) if entry.image else None,
            family=entry.family,
            tasks=entry.tasks,
            revision=entry.revision,
            license=entry.license,
            schedulers=entry.schedulers,
            schedules={scheduler: entry.schedules_of(scheduler) for scheduler in entry.schedulers},
            own_schedules=entry.own_schedules,
            supports_negative_prompt=entry.supports_negative_prompt,
            has_depth_estimator=entry.has_depth_estimator,
            loras=tuple(
                ModelLora(
                    **lora.model_dump(exclude={"source"}),
                    warm_workers=sum(
                        lora.name in worker.resident_loras.get(entry.name, ()) for worker in stats.workers
                    ),
                )
                for lora in entry.loras
            ),
            embeddings=tuple(ModelEmbedding(name=each.name, token=each.token) for each in entry.embeddings),
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
