"""Models and workers, as a client sees them."""

from pydantic import Field

from renderq.contract.base import ResponseModel, Timestamp


class ModelDefaults(ResponseModel):
    """What a request gets where it says nothing."""

    width: int
    height: int
    steps: int
    guidance_scale: float
    guidance_rescale: float = 0.0
    clip_skip: int = 0
    scheduler: str | None = Field(None, description="`null`: the sampler that the model's own files name.")


class ModelLimits(ResponseModel):
    max_side: int = Field(description="Largest width and largest height of a result, in pixels.")
    max_pixels: int = Field(description="Largest width × height of a result.")
    size_multiple: int = Field(8, description="`width` and `height` of a request are multiples of it.")
    max_clip_skip: int = Field(0, description="Largest `clip_skip`; 0: the model knows none.")
    max_guidance_rescale: float = Field(0, description="Largest `guidance_rescale`; 0: the model knows none.")
    max_noise_level: int | None = Field(None, description="Largest `noise_level` of `upscale`; null without that task.")


class Model(ResponseModel):
    name: str
    description: str = ""
    family: str
    tasks: tuple[str, ...]
    revision: str
    license: str = ""
    schedulers: tuple[str, ...] = Field((), description="Samplers to choose from; none: the model's own only.")
    supports_negative_prompt: bool = Field(True, description="Whether it heeds a `negative_prompt`.")
    has_depth_estimator: bool = Field(False, description="Whether `depth2img` can do without a `depth_map`.")
    watermark: str | None = Field(None, description="Text that all its pictures carry in their pixels, invisibly.")
    default: bool = Field(description="Whether requests that name no model get this one.")
    defaults: ModelDefaults
    limits: ModelLimits
    queued_jobs: int
    running_jobs: int = Field(0, description="Jobs of it that workers hold.")
    paused: bool = Field(False, description="Whether none of its jobs are given to workers for now.")
    workers: int = Field(description="Live workers that serve it.")
    warm_workers: int = Field(description="Live workers that have it in memory.")
    seconds_per_image: float | None = Field(
        None, description="Median time of one picture with the defaults, once some were rendered."
    )


class ModelList(ResponseModel):
    data: tuple[Model, ...]


class Worker(ResponseModel):
    id: str
    device: str
    models: tuple[str, ...] = Field(description="Models that it serves.")
    resident_models: tuple[str, ...] = Field(description="Models that it has in memory.")
    jobs: int = Field(description="Jobs that it holds.")
    draining: bool
    started_at: Timestamp
    seen_at: Timestamp


class WorkerList(ResponseModel):
    data: tuple[Worker, ...]


class ModelStats(ResponseModel):
    """How busy one model is."""

    model: str
    queued_jobs: int
    oldest_seconds: float | None = Field(description="How long its oldest queued job has waited.")
    running_jobs: int = Field(description="Jobs of it that workers hold.")
    paused: bool = Field(False, description="Whether none of its jobs are given to workers for now.")
    workers: int = Field(description="Live workers that serve it.")


class Stats(ResponseModel):
    """How busy the service is."""

    queued_jobs: int
    running_jobs: int
    workers: int = Field(description="Live workers.")
    models: tuple[ModelStats, ...]


class Tenant(ResponseModel):
    name: str
    queued_jobs: int
    weight: float = Field(description="Its share of each model's time, compared with other tenants'.")
    paused: bool = Field(description="Whether none of its jobs are given to workers for now.")


class TenantList(ResponseModel):
    data: tuple[Tenant, ...]
