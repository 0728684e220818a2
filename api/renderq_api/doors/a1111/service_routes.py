"""Routes about requests in progress, and options."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from renderq_api.auth import TenantDep, no_visitors
from renderq_api.doors.a1111.document import ERRORS, json_body
from renderq_api.doors.a1111.job_body import find_model
from renderq_api.doors.a1111.progress import Progress, interrupt, read_progress
from renderq_api.doors.a1111.router import PREFIX, router
from renderq_api.http.json_body import read_object
from renderq_api.http.validation import validate
from renderq_api.services import Services, ServicesDep
from renderq_shared.catalog import ModelEntry
from renderq_shared.jobs import commands


class Options(BaseModel):
    """Options that mean something here."""

    sd_model_checkpoint: str = Field(description="Model of requests that name none.")
    sd_checkpoint_hash: str
    samples_format: str = "png"
    sd_vae: str = "Automatic"
    CLIP_stop_at_last_layers: int = 1


class NewOptions(BaseModel):
    """Options to keep. Others are ignored: clients send back all that they got."""

    sd_model_checkpoint: str | None = Field(None, max_length=300, description="Kept for the tenant of the key.")


@router.get(f"{PREFIX}/progress", summary="Progress of the oldest unfinished request", responses=ERRORS)
async def get_progress(
    services: ServicesDep,
    tenant: TenantDep,
    skip_current_image: Annotated[str, Query(description="Ignored: there is no current image.")] = "",
) -> Progress:
    return await read_progress(services, tenant)


@router.post(f"{PREFIX}/interrupt", summary="Cancel all unfinished requests of the tenant", responses=ERRORS)
async def interrupt_requests(services: ServicesDep, tenant: TenantDep) -> dict[str, Any]:
    await interrupt(services, tenant)
    return {}


@router.post(f"{PREFIX}/skip", summary="As interrupt", responses=ERRORS)
async def skip_requests(services: ServicesDep, tenant: TenantDep) -> None:
    await interrupt(services, tenant)


@router.get(f"{PREFIX}/options", summary="Options", responses=ERRORS)
async def get_options(services: ServicesDep, tenant: TenantDep) -> Options:
    chosen = await services.jobs.call(commands.chosen_model(tenant))
    entry = services.catalog.get(chosen or "") or _default_model(services)
    return Options(sd_model_checkpoint=entry.name, sd_checkpoint_hash=entry.revision)


@router.post(
    f"{PREFIX}/options",
    summary="Choose the model of requests that name none",
    responses=ERRORS,
    openapi_extra={"requestBody": json_body(NewOptions, sd_model_checkpoint="shapes")},
    dependencies=[Depends(no_visitors)],
)
async def set_options(request: Request, services: ServicesDep, tenant: TenantDep) -> None:
    options = validate(NewOptions, (await read_object(request)).fields)
    if options.sd_model_checkpoint:
        entry = find_model(services.catalog, options.sd_model_checkpoint, "txt2img")
        await services.jobs.call(commands.choose_model(tenant, entry.name))


def _default_model(services: Services) -> ModelEntry:
    return find_model(services.catalog, None, "txt2img")
