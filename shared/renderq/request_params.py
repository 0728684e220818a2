"""What a job request may say, as keyword arguments.

The names and the meaning are the wire's, see `renderq.contract.requests`. A field that is left out, or `None`, takes
the model's default. The service checks the values: it knows its models' limits.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import BinaryIO, Required, TypedDict

from renderq.contract import Asset, Extend, OutputOptions, Status
from renderq.contract.requests import ImageFormat, TaskName
from renderq.contract.sampling import SamplingFields
from renderq.contract.webhooks import WebhookEventType, WebhookOptions

PathLike = str | os.PathLike[str]

ImageSource = PathLike | bytes | BinaryIO
"""A path to an image, its bytes, or a file opened for reading bytes."""


class OutputParams(TypedDict, total=False):
    """How the pictures are written; the same as `OutputOptions`, as a plain dictionary."""

    format: ImageFormat
    """`png` (default), `jpeg` or `webp`."""
    quality: int
    """1 … 100, default 90; for `jpeg` and `webp`."""
    embed_recipe: bool
    """Whether request, seed and model revision are written into the file (default: yes)."""
    grid: bool
    """Whether one more picture is made that shows all of them side by side (default: no)."""
    watermark: str
    """4 … 32 ASCII characters that are written into the pixels, invisibly; default: the model's."""


class WebhookParams(TypedDict, total=False):
    """Whom to tell of a job's events; the same as `WebhookOptions`, as a plain dictionary."""

    url: Required[str]
    """http or https address that takes the POST."""
    events: Sequence[WebhookEventType]
    """What to tell; default: how the job ended."""


class ExtendParams(TypedDict, total=False):
    """How much is added to each side of a picture; the same as `Extend`, as a plain dictionary."""

    left: int
    """Pixels, a multiple of 8."""
    right: int
    top: int
    bottom: int


class JobFilters(TypedDict, total=False):
    """Which jobs a list is to have; what is left out, or `None`, lets all through."""

    status: Status | str | None
    model: str | None
    task: str | None
    created_after: datetime | None
    """A time without a zone is local."""
    created_before: datetime | None


class RequestParams(SamplingFields, total=False):
    """Everything that a request may say besides the prompt."""

    task: TaskName
    """What is made from what. Left out, it follows from the rest: `outpaint` with `extend`, `depth2img` with
    `depth_map`, `upscale` with `noise_level`, `inpaint` with `mask`, `img2img` with `image`, else `txt2img`, a picture
    from words."""
    image: Asset | ImageSource
    """The picture to start from. An asset, its id, an https URL or a data URL are sent as they are; a path, bytes, or a
    file that is open for reading bytes are uploaded first."""
    mask: Asset | ImageSource
    """For `inpaint`: white is made anew, black stays. Given like `image`."""
    depth_map: Asset | ImageSource | None
    """For `depth2img`: lighter is nearer. Given like `image`; some models do without."""
    strength: float
    """For `img2img`, `depth2img` (default 0.8) and `inpaint` (1): share of the steps that are made, 0 … 1."""
    extend: Extend | ExtendParams
    """For `outpaint`: pixels that each side gets in addition, multiples of 8, e.g. `{"left": 64}`."""
    noise_level: int
    """For `upscale` (default 20): noise that is put on the picture first; more lets the model invent more."""
    model: str | None
    """A name from `client.models.list()`; default: the service's."""
    negative_prompt: str
    """What the picture should not show; acts when `guidance_scale` > 1."""
    width: int | None
    """Pixels, a multiple of 8. Where a picture is given, its own, in proportion to `height` if that is said; for
    `upscale` those of the picture before it is made four times as large, a multiple of 4."""
    height: int | None
    """As `width`."""
    seed: int | None
    """Image k is made with seed + k; drawn at random if left out."""
    n: int
    """Number of pictures, 1 … 16."""
    output: OutputOptions | OutputParams
    """How the pictures are written, e.g. `{"format": "webp", "quality": 80}`."""
    priority: int
    """−10 … 10 within your own jobs; higher goes first."""
    deadline_seconds: float | None
    """Give up this many seconds after submission, 1 s … 7 d."""
    webhook: WebhookOptions | WebhookParams | None
    """Whom to tell of the job's events, e.g. `{"url": "https://app.example/hooks"}`."""
    metadata: dict[str, str]
    """Your own notes, at most 16; returned with the job."""
