"""Models, workers, tenants and their load, as clients see them."""

from pydantic import Field

from renderq.contract.base import ResponseModel, Timestamp
from renderq.contract.limits import LIMITS
from renderq.contract.sampling import SamplingParams


class ModelDefaults(SamplingParams, frozen=True):
    """Values of omitted request fields."""

    width: int
    height: int


class ModelLimits(ResponseModel):
    """Values that a model accepts."""

    max_side: int = Field(description="Largest width and largest height of a result, in pixels.")
    max_pixels: int = Field(description="Largest width × height of a result.")
    size_multiple: int = Field(
        8, description="`width`, `height` and `extend` of a request are multiples of this, in pixels."
    )
    max_clip_skip: int = Field(0, description="Largest `clip_skip`; 0: not supported.")
    max_guidance_rescale: float = Field(0, description="Largest `guidance_rescale`; 0: not supported.")
    max_noise_level: int | None = Field(None, description="Largest `noise_level` of `upscale`; null without that task.")
    max_images: int = Field(0, description="Most `images` of `edit`; 0 without that task.")
    min_steps: int = Field(1, description="Smallest `steps` with the model's own scheduler.")
    max_steps: int = Field(LIMITS.steps, description="Largest `steps` with the model's own scheduler.")
    max_lcm_steps: int = Field(LIMITS.steps, description="Largest `steps` with the schedulers `lcm` and `tcd`.")

    @property
    def sampling_maxima(self) -> dict[str, float]:
        """Largest value by sampling field, for the fields that depend on the model alone."""
        return {"clip_skip": self.max_clip_skip, "guidance_rescale": self.max_guidance_rescale}

    def steps_range(self, scheduler: str | None) -> tuple[int, int]:
        """Return the smallest and the largest `steps` with a scheduler; None is the model's own."""
        if scheduler is None:
            return self.min_steps, self.max_steps
        return 1, self.max_lcm_steps if scheduler in ("lcm", "tcd") else LIMITS.steps


class ModelLora(ResponseModel):
    """A LoRA that fits a model."""

    name: str
    title: str = Field("", description="Name for people; empty: use `name`.")
    description: str = ""
    weight: float = Field(1.0, description="Weight in requests that give none.")
    trigger: tuple[str, ...] = Field((), description="Words in prompts that it was trained with.")
    revision: str = Field("", description="Digest of its file.")
    warm_workers: int = Field(0, description="Live workers with the LoRA in memory.")


class ModelEmbedding(ResponseModel):
    """A textual inversion of a model."""

    name: str
    token: str = Field(description="Word of a prompt that stands for it.")


class Model(ResponseModel):
    """A model of the catalog, and its load."""

    name: str
    title: str = Field("", description="Name for people; empty: use `name`.")
    description: str = ""
    examples: tuple[str, ...] = Field((), description="Prompts that show what the model can do.")
    image_url: str | None = Field(None, description="An image that shows what the model can do.")
    family: str
    tasks: tuple[str, ...]
    revision: str
    license: str = ""
    schedulers: tuple[str, ...] = Field((), description="Schedulers to choose from; empty: the model's own only.")
    schedules: dict[str, tuple[str, ...]] = Field(
        {}, description="By scheduler, the values of `schedule` to choose from."
    )
    own_schedules: tuple[str, ...] = Field((), description="Those of the model's own scheduler.")
    supports_negative_prompt: bool = Field(True, description="True if `negative_prompt` has an effect.")
    has_depth_estimator: bool = Field(False, description="True if `depth2img` works without a `depth_map`.")
    loras: tuple[ModelLora, ...] = Field((), description="LoRAs to choose from.")
    embeddings: tuple[ModelEmbedding, ...] = Field((), description="Textual inversions that prompts may name.")
    watermark: str | None = Field(None, description="Text embedded invisibly into all its images.")
    default: bool = Field(description="True if requests without a `model` use this one.")
    defaults: ModelDefaults
    limits: ModelLimits
    queued_jobs: int
    running_jobs: int = Field(0, description="Its jobs claimed by workers.")
    paused: bool = Field(False, description="True if workers claim none of its jobs for now.")
    workers: int = Field(description="Live workers that serve the model.")
    warm_workers: int = Field(description="Live workers with the model in memory.")
    seconds_per_image: float | None = Field(
        None, description="Median time per image with the defaults; null until some have been rendered."
    )


class ModelList(ResponseModel):
    """All models of the service."""

    data: tuple[Model, ...]


class Style(ResponseModel):
    """A text around prompts, by which clients give images a look."""

    name: str
    title: str = Field("", description="Name for people; empty: use `name`.")
    prompt: str = Field(description="Text with `{prompt}`, which stands for the prompt.")
    negative_prompt: str = Field("", description="Belongs to the end of the negative prompt.")

    def apply(self, prompt: str, negative_prompt: str = "") -> dict[str, str]:
        """Return `prompt` and `negative_prompt` of a request in this style."""
        negative = ", ".join(filter(None, (negative_prompt, self.negative_prompt)))
        return {"prompt": self.prompt.replace("{prompt}", prompt), "negative_prompt": negative}


class StyleList(ResponseModel):
    """All styles of the service."""

    data: tuple[Style, ...]


class Worker(ResponseModel):
    """A live worker."""

    id: str
    device: str
    models: tuple[str, ...] = Field(description="Models that the worker serves.")
    resident_models: tuple[str, ...] = Field(description="Models in its memory.")
    resident_loras: dict[str, tuple[str, ...]] = Field(default={}, description="By model, LoRAs in its memory.")
    jobs: int = Field(description="Jobs that it has claimed.")
    draining: bool = Field(description="True if it claims no more jobs and ends once it has none.")
    memory_bytes: int | None = Field(
        default=None, description="Memory of its process that is in RAM; of older workers null."
    )
    device_memory_used_bytes: int | None = Field(
        default=None, description="Memory on its device that it holds; null for a device without memory of its own."
    )
    device_memory_total_bytes: int | None = Field(default=None, description="Memory on its device that it may hold.")
    started_at: Timestamp
    seen_at: Timestamp


class WorkerList(ResponseModel):
    """All live workers."""

    data: tuple[Worker, ...]


class ModelStats(ResponseModel):
    """Load of one model."""

    model: str
    queued_jobs: int
    oldest_seconds: float | None = Field(description="Waiting time of its oldest queued job.")
    running_jobs: int = Field(description="Its jobs claimed by workers.")
    paused: bool = Field(False, description="True if workers claim none of its jobs for now.")
    workers: int = Field(description="Live workers that serve the model.")


class Stats(ResponseModel):
    """Load of the service."""

    queued_jobs: int
    running_jobs: int
    workers: int = Field(description="Live workers.")
    models: tuple[ModelStats, ...]


class LoadMinute(ResponseModel):
    """Load of the service in one minute."""

    started_at: Timestamp
    queued_jobs: int = Field(description="Most jobs queued at once, seen about every second.")
    running_jobs: int = Field(description="Most jobs claimed by workers at once.")
    succeeded_jobs: int = Field(description="Jobs that succeeded in this minute.")
    failed_jobs: int = Field(description="Jobs that failed in this minute.")
    canceled_jobs: int = Field(description="Jobs that were canceled in this minute.")
    expired_jobs: int = Field(description="Jobs whose deadline passed in this minute while they were queued.")


class LoadHistory(ResponseModel):
    """Load of the service in those minutes of the last day in which there were jobs, oldest first."""

    data: tuple[LoadMinute, ...]


class Tenant(ResponseModel):
    """A tenant, and its load."""

    name: str
    queued_jobs: int
    weight: float = Field(description="Share of each model's time relative to other tenants.")
    paused: bool = Field(description="True if workers claim none of its jobs for now.")


class TenantList(ResponseModel):
    """All known tenants."""

    data: tuple[Tenant, ...]


class Purge(ResponseModel):
    """Deletion of all data of a tenant."""

    tenant: str
    started_at: Timestamp
    completed_at: Timestamp | None = Field(description="Null while it is in progress.")
    jobs: int = Field(description="Jobs deleted so far.")
    assets: int = Field(description="Uploaded images deleted so far.")
