"""Lists of what can be chosen, and routes with fixed answers."""

from typing import Any

from pydantic import BaseModel, Field, JsonValue

from renderq.image_files.infotext_writer import REVISION_CHARACTERS
from renderq_api.doors.a1111.document import ERRORS
from renderq_api.doors.a1111.router import PREFIX, router
from renderq_api.doors.a1111.samplers import listed_samplers, listed_schedule_types
from renderq_api.doors.a1111.upscalers import RESIZERS
from renderq_api.services import ServicesDep
from renderq_shared.imaging.size import UPSCALE_FACTOR

_EMPTY_LISTS = (
    "extensions",
    "face-restorers",
    "hypernetworks",
    "latent-upscale-modes",
    "prompt-styles",
    "realesrgan-models",
    "script-info",
    "sd-modules",
    "sd-vae",
)
"""Lists of what renderq does not have."""

_FIXED: dict[str, dict[str, JsonValue]] = {
    "cmd-flags": {"api": True},
    "memory": {"ram": {}, "cuda": {}},
    "scripts": {"txt2img": [], "img2img": []},
}

_NOTHING_TO_DO: dict[str, JsonValue] = {
    "refresh-checkpoints": None,
    "refresh-embeddings": None,
    "refresh-loras": None,
    "refresh-vae": None,
    "reload-checkpoint": {},
    "unload-checkpoint": {},
}
"""Commands that workers need not be given → response."""

_RENDERS = {"txt2img", "img2img"}
"""Tasks of models to choose from."""


class SdModel(BaseModel):
    """A model."""

    title: str
    model_name: str
    hash: str
    sha256: str | None = None
    filename: str
    config: str | None = None


class ListedLora(BaseModel):
    """A LoRA."""

    name: str
    alias: str
    path: str
    metadata: dict[str, Any] = Field(default_factory=dict)


class ListedEmbedding(BaseModel):
    """A textual inversion."""

    step: int | None = None
    sd_checkpoint: str | None = None
    sd_checkpoint_name: str | None = None


class ListedEmbeddings(BaseModel):
    """Textual inversions by the word of a prompt that stands for them."""

    loaded: dict[str, ListedEmbedding]
    skipped: dict[str, ListedEmbedding]


class ListedSampler(BaseModel):
    """A sampler."""

    name: str
    aliases: tuple[str, ...] = Field(description="Schedulers of renderq.")
    options: dict[str, Any] = Field(default_factory=dict)


class ScheduleType(BaseModel):
    """A schedule type."""

    name: str
    label: str
    aliases: tuple[str, ...] | None = None
    default_rho: float = -1
    need_inner_model: bool = False


class Upscaler(BaseModel):
    """A way to enlarge an image."""

    name: str
    model_name: str | None = None
    model_path: str | None = None
    model_url: str | None = None
    scale: int = UPSCALE_FACTOR


@router.get(f"{PREFIX}/sd-models", summary="Models", responses=ERRORS)
async def list_sd_models(services: ServicesDep) -> list[SdModel]:
    return [
        SdModel(title=entry.name, model_name=entry.name, hash=entry.revision[:REVISION_CHARACTERS], filename=entry.name)
        for entry in services.catalog.models
        if _RENDERS.intersection(entry.tasks)
    ]


@router.get(f"{PREFIX}/loras", summary="LoRAs", responses=ERRORS)
async def list_loras(services: ServicesDep) -> list[ListedLora]:
    names = dict.fromkeys(lora.name for entry in services.catalog.models for lora in entry.loras)
    return [ListedLora(name=name, alias=name, path=name) for name in names]


@router.get(f"{PREFIX}/embeddings", summary="Textual inversions", responses=ERRORS)
async def list_embeddings(services: ServicesDep) -> ListedEmbeddings:
    tokens = {each.token: entry.name for entry in services.catalog.models for each in entry.embeddings}
    return ListedEmbeddings(
        loaded={token: ListedEmbedding(sd_checkpoint_name=model) for token, model in tokens.items()}, skipped={}
    )


@router.get(f"{PREFIX}/samplers", summary="Samplers", responses=ERRORS)
async def list_samplers() -> list[ListedSampler]:
    return [ListedSampler(name=name, aliases=schedulers) for name, schedulers in listed_samplers()]


@router.get(f"{PREFIX}/schedulers", summary="Schedule types", responses=ERRORS)
async def list_schedule_types() -> list[ScheduleType]:
    return [ScheduleType(name=name.lower().replace(" ", "_"), label=name) for name in listed_schedule_types()]


@router.get(f"{PREFIX}/upscalers", summary="Ways to enlarge an image", responses=ERRORS)
async def list_upscalers(services: ServicesDep) -> list[Upscaler]:
    models = [entry.name for entry in services.catalog.models if "upscale" in entry.tasks]
    return [Upscaler(name=name) for name in (*RESIZERS, *models)]


def _add_fixed(method: str, path: str, content: JsonValue) -> None:
    """Add a route that always responds the same."""

    async def fixed() -> JsonValue:
        return content

    router.add_api_route(
        path,
        fixed,
        methods=[method],
        name=f"{method}_{path.split('/')[-1].replace('-', '_')}".lower(),
        summary="Fixed answer, for clients that ask",
        responses=ERRORS,
        response_model=Any,
    )


for _name in _EMPTY_LISTS:
    _add_fixed("GET", f"{PREFIX}/{_name}", [])
for _name, _content in _FIXED.items():
    _add_fixed("GET", f"{PREFIX}/{_name}", _content)
for _name, _content in _NOTHING_TO_DO.items():
    _add_fixed("POST", f"{PREFIX}/{_name}", _content)
_add_fixed("GET", "/internal/ping", {})
