"""Sampling parameters: settings of the denoising loop, equal for all tasks.

A field is defined here once in each of its three forms: resolved, optional in a request, keyword argument of the SDK.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict

from pydantic import BaseModel, Field

from renderq.contract.limits import LIMITS

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
    "dpmpp_3m_sde",
    "unipc",
    "deis",
    "heun",
    "dpm2",
    "dpm2_a",
    "lcm",
    "tcd",
]
SCHEDULERS: tuple[str, ...] = Scheduler.__args__  # pyright: ignore[reportAttributeAccessIssue]

Schedule = Literal["karras", "exponential", "beta", "trailing"]
SCHEDULES: tuple[str, ...] = Schedule.__args__  # pyright: ignore[reportAttributeAccessIssue]


class SamplingParams(BaseModel, frozen=True):
    """Resolved sampling parameters: a model's defaults, and what the engine runs with.

    Types carry no bounds, because an older client reads a newer server's defaults. A new field needs a default that
    changes no image: requests stored before an upgrade lack it.
    """

    steps: int
    """Inference steps as the user counts them; some schedulers call the model more often."""
    guidance_scale: float
    """Classifier-free guidance; at 1 and below it is off and the negative prompt has no effect."""
    guidance_rescale: float = 0.0
    """Guidance rescale factor, which limits contrast, 0 to 1 (https://arxiv.org/abs/2305.08891, section 3.4)."""
    clip_skip: int = 0
    """Last layers of the text encoder that the prompt skips; the negative prompt uses all."""
    scheduler: str | None = Field(default=None, description="`null`: the scheduler that the model's own files name.")
    schedule: str | None = Field(default=None, description="`null`: the scheduler's own.")


class SamplingOverrides(BaseModel, frozen=True):
    """Sampling parameters of a request or of a `models.toml` entry; an omitted field takes the default."""

    steps: int | None = Field(default=None, ge=1, le=LIMITS.steps, description="Denoising steps.")
    guidance_scale: float | None = Field(
        default=None,
        ge=0,
        le=LIMITS.guidance_scale,
        allow_inf_nan=False,
        description="Classifier-free guidance; at 1 and below it is off.",
    )
    guidance_rescale: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Guidance rescale factor, which limits contrast (arXiv:2305.08891); used if guidance_scale > 1.",
    )
    clip_skip: int | None = Field(
        default=None,
        ge=0,
        le=LIMITS.clip_skip,
        description="Last layers of the text encoder that the prompt skips; the negative prompt uses all.",
    )
    scheduler: Scheduler | None = Field(default=None, description="The noise scheduler; default: the model's own.")
    schedule: Schedule | None = Field(
        default=None,
        description="Spacing of the noise levels; default: the scheduler's own. `GET /v1/models` names those of each "
        "scheduler.",
    )

    def resolve_sampling(self, defaults: SamplingParams) -> SamplingParams:
        """Return these values, with `defaults` for omitted fields.

        The default schedule belongs to the default scheduler: a request that names a scheduler has that one's own.
        """
        given = {name: value for name, value in sampling_fields(self).items() if value is not None}
        if self.scheduler is not None:
            given.setdefault("schedule", None)
        return SamplingParams.model_validate({**sampling_fields(defaults), **given})


class SamplingFields(TypedDict, total=False):
    """Sampling parameters as keyword arguments. `None` means the model's default."""

    steps: int | None
    """Denoising steps, 1 … 150."""
    guidance_scale: float | None
    """Classifier-free guidance, 0 … 50; at 1 and below it is off."""
    guidance_rescale: float | None
    """Guidance rescale factor, which limits contrast, 0 … 1."""
    clip_skip: int | None
    """Last layers of the text encoder that the prompt skips, 0 … the model's `limits.max_clip_skip`."""
    scheduler: Scheduler | None
    """The noise scheduler; default: the model's own."""
    schedule: Schedule | None
    """Spacing of the noise levels; default: the scheduler's own."""


def sampling_fields(values: SamplingParams | SamplingOverrides) -> Mapping[str, object]:
    """Return the sampling fields alone of a value that may have others too."""
    return {name: getattr(values, name) for name in SamplingParams.model_fields}
