"""What a client may ask for: one flat model per task, found by `task`."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from renderq.contract.base import RequestModel
from renderq.contract.image_references import ImageReference
from renderq.contract.limits import LIMITS
from renderq.contract.webhooks import WebhookOptions

Scheduler = Literal[
    "ddim",
    "ddpm",
    "pndm",
    "plms",
    "lms",
    "euler",
    "euler_a",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde",
    "unipc",
    "heun",
    "lcm",
]
SCHEDULERS: tuple[str, ...] = Scheduler.__args__  # pyright: ignore[reportAttributeAccessIssue]

ImageFormat = Literal["png", "jpeg", "webp"]
Prompt = Annotated[str, StringConstraints(max_length=LIMITS.prompt_characters)]
Side = Annotated[int, Field(ge=LIMITS.size_multiple, le=LIMITS.side_pixels, multiple_of=LIMITS.size_multiple)]
SmallSide = Annotated[int, Field(ge=4, le=LIMITS.side_pixels, multiple_of=4)]
"""Of a picture that is made four times as large."""
Extension = Annotated[int, Field(ge=0, le=LIMITS.side_pixels, multiple_of=LIMITS.size_multiple)]
MetadataText = Annotated[str, StringConstraints(max_length=LIMITS.metadata_characters)]


def _is_watermark(text: str) -> str:
    """Printable ASCII: anything else could not be told from chance where the text is looked for."""
    shortest, longest = LIMITS.watermark_characters_min, LIMITS.watermark_characters
    if not (text.isascii() and text.isprintable() and text == text.strip() and shortest <= len(text) <= longest):
        raise ValueError(f"must have {shortest} to {longest} characters of printable ASCII, no space at its ends")
    return text


WatermarkText = Annotated[
    str,
    AfterValidator(_is_watermark),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": LIMITS.watermark_characters_min,
            "maxLength": LIMITS.watermark_characters,
            "pattern": "^[!-~][ -~]*[!-~]$",
        }
    ),
]
"""What is written into the pixels."""


class OutputOptions(RequestModel):
    """How the pictures are written."""

    format: ImageFormat = Field("png", description="File format of the pictures.")
    quality: int = Field(90, ge=1, le=100, description="For `jpeg` and `webp`; `png` is always lossless.")
    embed_recipe: bool = Field(
        True, description="Write request, seed and model revision into the file, so that it can be made again."
    )
    grid: bool = Field(
        False, description="Make one more picture, which shows all of them side by side; in `grid` of the job."
    )
    watermark: WatermarkText | None = Field(
        None,
        description="Text that is written into the pixels, invisibly; default: the model's, which has precedence. "
        f"Pictures need {LIMITS.watermark_pixels:,} pixels for it.",
    )


class TaskRequest(RequestModel):
    """What every task has. A field that is left out takes the model's default."""

    model: str | None = Field(None, max_length=200, description="A name from `GET /v1/models`; default: the server's.")
    prompt: Prompt = Field(description="What the picture should show.")
    negative_prompt: Prompt = Field("", description="What it should not show; acts when guidance_scale > 1.")
    steps: int | None = Field(None, ge=1, le=LIMITS.steps, description="Denoising steps.")
    guidance_scale: float | None = Field(
        None,
        ge=0,
        le=LIMITS.guidance_scale,
        allow_inf_nan=False,
        description="Classifier-free guidance; at 1 and below it is off.",
    )
    guidance_rescale: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How far guidance is kept from raising the contrast (arXiv:2305.08891); acts when "
        "guidance_scale > 1.",
    )
    clip_skip: int | None = Field(
        None,
        ge=0,
        le=LIMITS.clip_skip,
        description="Last layers of the text encoder to leave out for the prompt, though not for the negative one.",
    )
    scheduler: Scheduler | None = Field(None, description="The sampler; default: the model's own.")
    n: int = Field(1, ge=1, le=LIMITS.images, description="Number of pictures.")
    seed: int | None = Field(
        None, ge=0, le=LIMITS.seed, description="Image k is made with seed + k; drawn at random if left out."
    )
    output: OutputOptions = Field(OutputOptions.model_validate({}), description="How the pictures are written.")
    priority: int = Field(
        0, ge=-LIMITS.priority, le=LIMITS.priority, description="Within your own jobs; higher goes first."
    )
    deadline_seconds: float | None = Field(
        None,
        ge=1,
        le=LIMITS.deadline_seconds,
        allow_inf_nan=False,
        description="Give up this many seconds after submission: `expired` while queued, `deadline_exceeded` later.",
    )
    webhook: WebhookOptions | None = Field(None, description="Whom to tell of the job's events.")
    metadata: dict[MetadataText, MetadataText] = Field(
        default_factory=dict, max_length=LIMITS.metadata_keys, description="Your own notes; returned with the job."
    )

    @field_validator("seed")
    @classmethod
    def _seeds_stay_exact(cls, seed: int | None, info: ValidationInfo) -> int | None:
        """The last image's seed too must be an integer that every JSON reader keeps exact."""
        if seed is not None and seed + info.data.get("n", 1) > LIMITS.seed:
            raise ValueError(f"seed + n must not exceed {LIMITS.seed}; choose a smaller seed")
        return seed


class Txt2ImgRequest(TaskRequest):
    """A picture from words."""

    image_fields: ClassVar[tuple[str, ...]] = ()
    strength: ClassVar[float] = 1.0
    task: Literal["txt2img"] = "txt2img"
    width: Side | None = Field(None, description="Pixels, a multiple of 8.")
    height: Side | None = Field(None, description="Pixels, a multiple of 8.")


class _ImageTaskRequest(TaskRequest):
    image_fields: ClassVar[tuple[str, ...]] = ("image",)
    """Fields that may name pictures."""
    image: ImageReference = Field(
        description="The picture to start from: `asset_…`, an https URL, or a data URL of at most 256 KiB."
    )
    width: Side | None = Field(
        None,
        description="Pixels, a multiple of 8, to which the picture is resized; default: in proportion to `height`, "
        "else the picture's own, made smaller where the model allows no more.",
    )
    height: Side | None = Field(None, description="As `width`.")


Strength = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Img2ImgRequest(_ImageTaskRequest):
    """A picture from a picture and words."""

    task: Literal["img2img"]
    strength: Strength = Field(
        0.8,
        description="Share of the steps that are made, on top of as much noise; at 1 little of the picture is left.",
    )


class InpaintRequest(_ImageTaskRequest):
    """Part of a picture made anew."""

    image_fields: ClassVar[tuple[str, ...]] = ("image", "mask")
    task: Literal["inpaint"]
    mask: ImageReference = Field(
        description="What is made anew: white; what stays: black or transparent. It is stretched over the picture."
    )
    strength: Strength = Field(
        1.0, description="Share of the steps that are made; at 1 nothing of what is made anew shows through."
    )


class Extend(RequestModel):
    """How much is added to each side of a picture, in pixels."""

    left: Extension = 0
    right: Extension = 0
    top: Extension = 0
    bottom: Extension = 0

    @model_validator(mode="after")
    def _adds_something(self) -> Self:
        if not (self.left or self.right or self.top or self.bottom):
            raise ValueError("must add something to one side at least")
        return self


class OutpaintRequest(_ImageTaskRequest):
    """A picture continued beyond its edges."""

    strength: ClassVar[float] = 1.0
    task: Literal["outpaint"]
    extend: Extend = Field(description="Pixels that each side gets in addition, multiples of 8.")


VARIATION_STRENGTH = 0.8
"""That of `StableDiffusionImg2ImgPipeline`, where nothing is said."""


class VariationRequest(_ImageTaskRequest):
    """Another picture like this one."""

    strength: ClassVar[float] = VARIATION_STRENGTH
    task: Literal["variation"]
    prompt: Prompt = Field("", description="What the picture shows; it keeps the variation closer to it.")


class Depth2ImgRequest(_ImageTaskRequest):
    """Another picture with the depth of this one."""

    image_fields: ClassVar[tuple[str, ...]] = ("image", "depth_map")
    task: Literal["depth2img"]
    depth_map: ImageReference | None = Field(
        None,
        description="How near each place of the picture is, lighter being nearer; it is stretched over the picture. "
        "Left out, the model's own estimator looks at the picture; a model that has none needs the map.",
    )
    strength: Strength = Field(
        0.8, description="Share of the steps that are made, on top of as much noise; the depth is kept even at 1."
    )


class UpscaleRequest(_ImageTaskRequest):
    """A picture made four times as wide and as high."""

    strength: ClassVar[float] = 1.0
    task: Literal["upscale"]
    prompt: Prompt = Field("", description="What the picture shows; it may be left out.")
    width: SmallSide | None = Field(
        None,
        description="Pixels, a multiple of 4, to which the picture is resized before it is made four times as large; "
        "default: in proportion to `height`, else the picture's own.",
    )
    height: SmallSide | None = Field(None, description="As `width`.")
    noise_level: int = Field(
        20,
        ge=0,
        le=LIMITS.noise_level,
        description="Noise that is put on the picture first: more lets the model invent more. At most the model's "
        "`max_noise_level`.",
    )


JobRequest = (
    Txt2ImgRequest
    | Img2ImgRequest
    | InpaintRequest
    | OutpaintRequest
    | VariationRequest
    | Depth2ImgRequest
    | UpscaleRequest
)
"""Any request, discriminated by `task`."""

TASKS: dict[str, type[JobRequest]] = {
    "txt2img": Txt2ImgRequest,
    "img2img": Img2ImgRequest,
    "inpaint": InpaintRequest,
    "outpaint": OutpaintRequest,
    "variation": VariationRequest,
    "depth2img": Depth2ImgRequest,
    "upscale": UpscaleRequest,
}
"""Task → its request model."""

DEFAULT_TASK = "txt2img"


def image_references(request: JobRequest) -> dict[str, str]:
    """Field → the picture that it names."""
    named = {field: getattr(request, field) for field in request.image_fields}
    return {field: picture for field, picture in named.items() if picture is not None}


def parse_request(body: dict[str, JsonValue]) -> JobRequest:
    """Validate a JSON object as a request of the task that it names.

    Raises `pydantic.ValidationError`; an unknown task is reported at `/task`.
    """
    task = body.get("task", DEFAULT_TASK)
    request_model = TASKS.get(task, TASKS[DEFAULT_TASK]) if isinstance(task, str) else TASKS[DEFAULT_TASK]
    return request_model.model_validate(body)
