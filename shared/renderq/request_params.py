"""Fields of a job request as keyword arguments.

Names and meanings are those of `renderq.contract.requests`. A field that is omitted or `None` takes the model's
default. The service validates the values, because their limits depend on the model.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Protocol, Required, Self, TypedDict

from renderq.contract import Asset, Extend, LoraOptions, OutputOptions, Status
from renderq.contract.output_options import ImageFormat, ResizeFactor
from renderq.contract.requests import TaskName
from renderq.contract.sampling import SamplingFields
from renderq.contract.webhooks import WebhookEventType, WebhookOptions

PathLike = str | os.PathLike[str]


class PillowImage(Protocol):
    """A `PIL.Image.Image`. Pillow is not required."""

    @property
    def mode(self) -> str: ...

    def getexif(self) -> Any: ...

    def convert(self, mode: str) -> Self: ...

    def save(self, fp: BinaryIO, format: str, **params: Any) -> None: ...


ImageSource = PathLike | bytes | bytearray | memoryview | BinaryIO | PillowImage
"""A path to an image, its bytes, a file opened for reading bytes, or a PIL image, which is sent as PNG."""


class OutputParams(TypedDict, total=False):
    """Format of the output files; `OutputOptions` as a dictionary."""

    format: ImageFormat
    """`png` (default), `jpeg` or `webp`."""
    quality: int
    """1 … 100, default 90; for `jpeg` and `webp`."""
    embed_recipe: bool
    """Write request, seed and model revision into the file (default: yes)."""
    grid: bool
    """Add a grid that shows all images side by side (default: no)."""
    resize: ResizeFactor
    """Enlarge the rendered images 2 or 4 times in width and height (default: 1, not at all)."""
    watermark: str
    """Invisible watermark: 4 … 32 ASCII characters; default: the model's."""


class WebhookParams(TypedDict, total=False):
    """Webhook of a job; `WebhookOptions` as a dictionary."""

    url: Required[str]
    """http or https URL that receives the POST."""
    events: Sequence[WebhookEventType]
    """Events to send; default: those that end a job."""


class ExtendParams(TypedDict, total=False):
    """Pixels to add at each edge of an image; `Extend` as a dictionary."""

    left: int
    """Pixels, a multiple of the model's `size_multiple`."""
    right: int
    top: int
    bottom: int


class LoraParams(TypedDict, total=False):
    """A LoRA of a request; `LoraOptions` as a dictionary."""

    name: Required[str]
    weight: float | None
    """−4 … 4; default: the LoRA's own."""
    text_encoder_weight: float | None
    """Default: `weight`."""
    revision: str | None
    """Digest of its file, as in recipes; another file is refused."""


class JobFilters(TypedDict, total=False):
    """Filters of a job list; one that is omitted or `None` matches all jobs."""

    status: Status | str | None
    model: str | None
    task: str | None
    created_after: datetime | None
    """A naive datetime is local time."""
    created_before: datetime | None
    q: str | None
    """Words of the prompt or the negative prompt, in any order; adjacent ones in double quotes."""
    labels: Sequence[str] | None
    """Labels that the job must all have."""
    metadata: Mapping[str, str] | None
    """Entries that the job's metadata must all have."""
    seed: int | None
    error_code: str | None
    batch: str | None
    """Id of a batch; its jobs are listed in its order."""
    kept: bool | None


class RequestParams(SamplingFields, total=False):
    """All fields of a request except the prompt."""

    task: TaskName
    """Default: inferred from the other fields. `outpaint` with `extend`, `depth2img` with `depth_map`, `upscale` with
    `noise_level`, `inpaint` with `mask`, `edit` with `images`, `img2img` with `image`, else `txt2img`."""
    image: Asset | ImageSource
    """Input image. An asset, its id, `job_…/2` (an image of a job), an https URL or a data URL is sent as it is; a
    path, bytes, a file opened for reading bytes, or a PIL image is uploaded first."""
    images: Sequence[Asset | ImageSource]
    """Input images of `edit`, in order. Each of the same types as `image`."""
    mask: Asset | ImageSource
    """Mask for `inpaint`: white is repainted, black is kept. Same types as `image`."""
    depth_map: Asset | ImageSource | None
    """Depth map for `depth2img`: lighter is nearer. Same types as `image`; optional with a depth estimator."""
    strength: float
    """Denoising strength, 0 … 1, for `img2img`, `depth2img` (default 0.8) and `inpaint` (default 1)."""
    extend: Extend | ExtendParams
    """Pixels to add at each edge for `outpaint`, multiples of the model's `size_multiple`, e.g. `{"left": 64}`."""
    noise_level: int
    """Noise added to the input image for `upscale` (default 20); more noise lets the model invent more detail."""
    model: str | None
    """A name from `client.models.list()`; default: the service's default model."""
    negative_prompt: str
    """Text that describes what to avoid; used if `guidance_scale` > 1."""
    width: int | None
    """Pixels, a multiple of the model's `size_multiple`. Default with an input image: the image's width, or in
    proportion to `height`. For `upscale`: width of the input before it is enlarged four times, a multiple of 4."""
    height: int | None
    """Like `width`."""
    loras: Sequence[LoraOptions | LoraParams | str] | Mapping[str, float] | str
    """LoRAs of the model, at most 8: `["ink"]`, `["ink:0.8"]`, `{"ink": 0.8}` or dictionaries."""
    seed: int | None
    """Image k uses seed + k; default: random."""
    n: int
    """Number of images, 1 … 16."""
    output: OutputOptions | OutputParams
    """Format of the output files, e.g. `{"format": "webp", "quality": 80}`."""
    priority: int
    """−10 … 10, among your own jobs; higher runs first."""
    deadline_seconds: float | None
    """Seconds after submission at which the job is given up, 1 s … 7 d."""
    webhook: WebhookOptions | WebhookParams | None
    """Endpoint that receives the job's events, e.g. `{"url": "https://app.example/hooks"}`."""
    metadata: dict[str, str]
    """Your own labels, at most 16; returned with the job."""
