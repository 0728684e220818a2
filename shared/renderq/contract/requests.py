"""Job requests: one flat model per task, discriminated by `task`."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from renderq.contract.base import RequestModel, at_most
from renderq.contract.image_references import ImageReference
from renderq.contract.limits import LIMITS
from renderq.contract.lora_options import LoraOptions
from renderq.contract.output_options import OutputOptions
from renderq.contract.sampling import SamplingOverrides
from renderq.contract.webhooks import WebhookOptions

Prompt = Annotated[str, StringConstraints(max_length=LIMITS.prompt_characters)]
Side = Annotated[int, Field(ge=LIMITS.size_multiple, le=LIMITS.side_pixels, multiple_of=LIMITS.size_multiple)]
LowResSide = Annotated[int, Field(ge=4, le=LIMITS.side_pixels, multiple_of=4)]
"""Width or height of an image that `upscale` enlarges four times."""
Extension = Annotated[int, Field(ge=0, le=LIMITS.side_pixels, multiple_of=LIMITS.size_multiple)]
_SIDE = "Pixels, a multiple of the model's `size_multiple`: 8 with most models."
MetadataText = Annotated[str, StringConstraints(max_length=LIMITS.metadata_characters)]


class PromptFields(RequestModel, frozen=True):
    """Model and prompts."""

    model: str | None = Field(None, max_length=200, description="A name from `GET /v1/models`; default: the server's.")
    prompt: Prompt = Field(description="Text that describes the image.")
    negative_prompt: Prompt = Field("", description="Text that describes what to avoid; used if guidance_scale > 1.")


class TaskRequest(SamplingOverrides, PromptFields, frozen=True):
    """Fields of every task. An omitted field takes the model's default."""

    loras: Annotated[tuple[LoraOptions, ...], at_most(LIMITS.loras)] = Field(
        (),
        max_length=LIMITS.loras,
        strict=False,
        description="LoRAs that change the model, each at most once. `GET /v1/models` names those of each model.",
    )
    n: int = Field(1, ge=1, le=LIMITS.images, description="Number of images.")
    seed: int | None = Field(
        None, ge=0, le=LIMITS.seed, description="Image k uses seed + k; drawn at random if omitted."
    )
    output: OutputOptions = Field(
        OutputOptions.model_validate({}), description="File format and contents of the images."
    )
    priority: int = Field(
        0, ge=-LIMITS.priority, le=LIMITS.priority, description="Order among your own jobs; higher runs first."
    )
    deadline_seconds: float | None = Field(
        None,
        ge=1,
        le=LIMITS.deadline_seconds,
        allow_inf_nan=False,
        description="Give up this many seconds after submission: `expired` while queued, `deadline_exceeded` later.",
    )
    webhook: WebhookOptions | None = Field(None, description="Endpoint that receives the job's events.")
    metadata: Annotated[dict[MetadataText, MetadataText], at_most(LIMITS.metadata_keys, (dict,))] = Field(
        default_factory=dict,
        max_length=LIMITS.metadata_keys,
        description="Your own key-value pairs, returned with the job.",
    )

    @field_validator("loras")
    @classmethod
    def _check_distinct_loras(cls, loras: tuple[LoraOptions, ...]) -> tuple[LoraOptions, ...]:
        names = [lora.name for lora in loras]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"must have each LoRA at most once, not {repeated[:60]!r} several times")
        return loras

    @field_validator("seed")
    @classmethod
    def _check_last_seed(cls, seed: int | None, info: ValidationInfo) -> int | None:
        """Keep the last image's seed, too, an integer that every JSON reader represents exactly."""
        if seed is not None and seed + info.data.get("n", 1) > LIMITS.seed:
            raise ValueError(f"seed + n must not exceed {LIMITS.seed}; choose a smaller seed")
        return seed


class Txt2ImgRequest(TaskRequest, frozen=True):
    """An image from text."""

    image_fields: ClassVar[tuple[str, ...]] = ()
    strength: ClassVar[float] = 1.0
    task: Literal["txt2img"] = "txt2img"
    width: Side | None = Field(None, description=_SIDE)
    height: Side | None = Field(None, description=_SIDE)


class _ImageTaskRequest(TaskRequest, frozen=True):
    image_fields: ClassVar[tuple[str, ...]] = ("image",)
    """Fields that reference images."""
    image: ImageReference = Field(
        description="The input image: `asset_…`, `job_…/2` (an image of a job), an https URL, or a data URL of at most "
        "256 KiB."
    )
    width: Side | None = Field(
        None,
        description="Pixels, a multiple of the model's `size_multiple`, to which the input image is resized; default: "
        "in proportion to `height`, else the image's own, reduced to the model's limits.",
    )
    height: Side | None = Field(None, description="As `width`.")


Strength = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Img2ImgRequest(_ImageTaskRequest, frozen=True):
    """An image from an image and text."""

    task: Literal["img2img"]
    strength: Strength = Field(
        0.8,
        description="Denoising strength: the share of noise added and of steps run; at 1 little of the image remains.",
    )


class InpaintRequest(_ImageTaskRequest, frozen=True):
    """An image with its masked part repainted."""

    image_fields: ClassVar[tuple[str, ...]] = ("image", "mask")
    task: Literal["inpaint"]
    mask: ImageReference = Field(
        description="White is repainted; black and transparent are kept. Resized to the image."
    )
    strength: Strength = Field(
        1.0, description="Denoising strength: the share of steps run; at 1 nothing of the masked part shows through."
    )


class Extend(RequestModel, frozen=True):
    """Pixels added at each edge of an image."""

    left: Extension = 0
    right: Extension = 0
    top: Extension = 0
    bottom: Extension = 0

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not (self.left or self.right or self.top or self.bottom):
            raise ValueError("must extend at least one edge")
        return self


class OutpaintRequest(_ImageTaskRequest, frozen=True):
    """An image continued beyond its edges."""

    strength: ClassVar[float] = 1.0
    task: Literal["outpaint"]
    extend: Extend = Field(
        description="Pixels added at `left`, `right`, `top` and `bottom`, multiples of the model's `size_multiple`."
    )


VARIATION_STRENGTH = 0.8
"""Default strength of diffusers' `StableDiffusionImg2ImgPipeline`."""


class VariationRequest(_ImageTaskRequest, frozen=True):
    """Another image like the input."""

    strength: ClassVar[float] = VARIATION_STRENGTH
    task: Literal["variation"]
    prompt: Prompt = Field("", description="Text that describes the image; keeps the variation closer to it.")


class Depth2ImgRequest(_ImageTaskRequest, frozen=True):
    """Another image with the depth of the input."""

    image_fields: ClassVar[tuple[str, ...]] = ("image", "depth_map")
    task: Literal["depth2img"]
    depth_map: ImageReference | None = Field(
        None,
        description="Depth of the image, resized to it; lighter is nearer. Default: estimated by the model's own depth "
        "estimator; required if the model has none.",
    )
    strength: Strength = Field(
        0.8, description="Denoising strength: the share of noise added and of steps run; depth is kept even at 1."
    )


class UpscaleRequest(_ImageTaskRequest, frozen=True):
    """An image enlarged four times in width and height."""

    strength: ClassVar[float] = 1.0
    task: Literal["upscale"]
    prompt: Prompt = Field("", description="Text that describes the image; optional.")
    width: LowResSide | None = Field(
        None,
        description="Pixels, a multiple of 4, to which the input image is resized before it is enlarged; default: in "
        "proportion to `height`, else the image's own.",
    )
    height: LowResSide | None = Field(None, description="As `width`.")
    noise_level: int = Field(
        20,
        ge=0,
        le=LIMITS.noise_level,
        description="Noise added to the input image first; more lets the model invent more. At most the model's "
        "`max_noise_level`.",
    )


class EditRequest(TaskRequest, frozen=True):
    """An image made from others, as the prompt says what to change or to combine."""

    image_fields: ClassVar[tuple[str, ...]] = ("images",)
    strength: ClassVar[float] = 1.0
    task: Literal["edit"]
    images: Annotated[tuple[ImageReference, ...], at_most(LIMITS.edit_images)] = Field(
        min_length=1,
        max_length=LIMITS.edit_images,
        strict=False,
        description="The input images, in the order in which the prompt may count them, each as `image` of other "
        f"tasks. At most the model's `max_images`; with sides of {LIMITS.edit_image_side} pixels or more, one of them "
        f"at most {LIMITS.edit_image_ratio} times the other.",
    )
    width: Side | None = Field(
        None,
        description="Pixels, a multiple of the model's `size_multiple`; default: in proportion to `height`, else that "
        "of the first image, reduced to the model's limits.",
    )
    height: Side | None = Field(None, description="As `width`.")


JobRequest = (
    Txt2ImgRequest
    | Img2ImgRequest
    | InpaintRequest
    | OutpaintRequest
    | VariationRequest
    | Depth2ImgRequest
    | UpscaleRequest
    | EditRequest
)
"""Any job request, discriminated by `task`."""

TaskName = Literal["txt2img", "img2img", "inpaint", "outpaint", "variation", "depth2img", "upscale", "edit"]

TASKS: dict[str, type[JobRequest]] = {
    "txt2img": Txt2ImgRequest,
    "img2img": Img2ImgRequest,
    "inpaint": InpaintRequest,
    "outpaint": OutpaintRequest,
    "variation": VariationRequest,
    "depth2img": Depth2ImgRequest,
    "upscale": UpscaleRequest,
    "edit": EditRequest,
}
"""Task → its request model."""

DEFAULT_TASK: TaskName = "txt2img"


def image_references(request: JobRequest) -> dict[str, str]:
    """Return the image references of a request by field; those of a list as `images/0`, `images/1`, …"""
    references: dict[str, str] = {}
    for field in request.image_fields:
        match getattr(request, field):
            case None:
                pass
            case str(reference):
                references[field] = reference
            case several:
                references |= {f"{field}/{index}": reference for index, reference in enumerate(several)}
    return references


def image_field_values(references: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Return the values of a request's image fields; `references` are named as `image_references` names them."""
    values: dict[str, str | tuple[str, ...]] = {}
    for name, reference in references.items():
        field, _, index = name.partition("/")
        values[field] = (*values.get(field, ()), reference) if index else reference
    return values


def parse_request(body: dict[str, JsonValue]) -> JobRequest:
    """Validate a JSON object as a request of its `task`.

    Raises `pydantic.ValidationError`; an unknown task is reported at `/task`.
    """
    task = body.get("task", DEFAULT_TASK)
    request_model = TASKS.get(task, TASKS[DEFAULT_TASK]) if isinstance(task, str) else TASKS[DEFAULT_TASK]
    return request_model.model_validate(body)
