"""Resolved requests: every default filled in, the seed drawn, images referenced as assets alone.

A resolved request is what a job record stores and what a worker renders. It is accepted again as a request.
"""

import json
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import Field, TypeAdapter

from renderq.contract.requests import (
    Depth2ImgRequest,
    EditRequest,
    Img2ImgRequest,
    InpaintRequest,
    OutpaintRequest,
    TaskRequest,
    Txt2ImgRequest,
    UpscaleRequest,
    VariationRequest,
)
from renderq.contract.sampling import SamplingParams, Schedule, Scheduler, sampling_fields


class _Resolved(SamplingParams, TaskRequest, frozen=True):
    """Fields that are optional in a request and set in a resolved request."""

    model: str = Field(...)
    width: int
    height: int
    seed: int = Field(...)
    scheduler: Scheduler | None = None
    schedule: Schedule | None = None

    @property
    def sampling(self) -> SamplingParams:
        return SamplingParams.model_validate(sampling_fields(self))

    def to_json(self) -> str:
        """Return canonical JSON, accepted again as a request body."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"), sort_keys=True)


class ResolvedTxt2Img(_Resolved, Txt2ImgRequest, frozen=True):
    """A resolved `txt2img` request."""


class ResolvedImg2Img(_Resolved, Img2ImgRequest, frozen=True):
    """A resolved `img2img` request."""


class ResolvedInpaint(_Resolved, InpaintRequest, frozen=True):
    """A resolved `inpaint` request."""


class ResolvedOutpaint(_Resolved, OutpaintRequest, frozen=True):
    """A resolved `outpaint` request."""


class ResolvedVariation(_Resolved, VariationRequest, frozen=True):
    """A resolved `variation` request."""


class ResolvedDepth2Img(_Resolved, Depth2ImgRequest, frozen=True):
    """A resolved `depth2img` request."""


class ResolvedUpscale(_Resolved, UpscaleRequest, frozen=True):
    """A resolved `upscale` request."""


class ResolvedEdit(_Resolved, EditRequest, frozen=True):
    """A resolved `edit` request."""


ResolvedRequest: TypeAlias = (
    ResolvedTxt2Img
    | ResolvedImg2Img
    | ResolvedInpaint
    | ResolvedOutpaint
    | ResolvedVariation
    | ResolvedDepth2Img
    | ResolvedUpscale
    | ResolvedEdit
)
"""Any resolved request, discriminated by `task`."""

_ADAPTER: TypeAdapter[ResolvedRequest] = TypeAdapter(Annotated[ResolvedRequest, Field(discriminator="task")])


def parse_resolved_request(fields: Mapping[str, object]) -> ResolvedRequest:
    """Validate the fields of a resolved request. Raises `pydantic.ValidationError`."""
    return _ADAPTER.validate_python(fields)
