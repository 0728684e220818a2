"""Fields of a request: OpenAI's, and those of renderq that OpenAI's API lacks. Others are ignored."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator

from renderq.contract import LIMITS, FieldError, SamplingOverrides
from renderq.contract.requests import Prompt
from renderq_api.doors.given_fields import given_fields
from renderq_api.doors.lenient_fields import LenientFields
from renderq_api.http.problems import invalid
from renderq_api.http.validation import validate

_SIZE = re.compile(r"([0-9]{1,5})[x×]([0-9]{1,5})")

_UNSUPPORTED = ("frame_count", "frame_duration_ms", "markup", "svg")
"""Fields that ask for something other than images of pixels."""

Fields = TypeVar("Fields", bound="ImageFields")
User = Annotated[str, StringConstraints(max_length=10_000)]


class ImageFields(LenientFields, SamplingOverrides, frozen=True):
    """Fields of every route. Numbers may be strings, as in forms."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    prompt: Prompt = Field(description="Text that describes the image.")
    model: str | None = Field(
        None,
        max_length=200,
        description="A name from `GET /v1/models`, or an alias of the catalog. `dall-e-…`, `gpt-image-…` and "
        "`chatgpt-image-…` mean the default model, or the first one that supports the task.",
    )
    n: int = Field(1, ge=1, le=LIMITS.images, description="Number of images.")
    size: str | None = Field(
        None,
        description="`WIDTHxHEIGHT`, or `auto`. A size that the model cannot render becomes the nearest one that it "
        "can; the response has the real size.",
    )
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="Default: `b64_json` for `gpt-image-…` and `chatgpt-image-…`, both for other models."
    )
    output_format: Literal["png", "jpeg", "webp"] = Field("png", description="File format of the images.")
    output_compression: int | None = Field(
        None, ge=0, le=100, description="Quality of `jpeg` and `webp`, default 90; `png` is always lossless."
    )
    quality: Literal["auto", "low", "medium", "standard", "high", "hd", "xhigh", "max"] = Field(
        "auto", description="`low` halves the model's default steps if these are 16 or more; others change nothing."
    )
    background: Literal["auto", "opaque"] = Field("auto", description="Images are always opaque.")
    user: User | None = Field(None, description="Stored as `user` in the job's metadata, up to 512 characters.")
    safety_identifier: User | None = Field(None, description="As `user`; takes precedence.")
    negative_prompt: Prompt | None = Field(None, description="Text that describes what to avoid.")
    seed: int | None = Field(None, description="Image k uses seed + k; drawn at random if omitted.")
    priority: int | None = Field(None, description="Order among your own jobs; higher runs first.")
    deadline_seconds: float | None = Field(None, description="Give up this many seconds after submission.")
    strength: float | None = Field(None, description="Denoising strength of edits; ignored elsewhere.")

    stream: bool = Field(False, description="Send server-sent events: partial images, then each image.")
    partial_images: int = Field(
        0, ge=0, le=3, description="Previews of the first image to stream; a quick model sends fewer."
    )

    @field_validator("size")
    @classmethod
    def _check_size(cls, size: str | None) -> str | None:
        wished = _SIZE.fullmatch(size) if size else None
        sides = [int(side) for side in wished.groups()] if wished else []
        if size not in (None, "auto") and not (sides and all(1 <= side <= LIMITS.side_pixels for side in sides)):
            raise ValueError(f"must be auto, or a size such as 1024x1024 of at most {LIMITS.side_pixels:,} per side")
        return size

    @property
    def wished_size(self) -> tuple[int, int] | None:
        """Width and height in pixels; `None` for the default."""
        match = _SIZE.fullmatch(self.size) if self.size else None
        return (int(match[1]), int(match[2])) if match else None


class VariationFields(ImageFields, frozen=True):
    """Fields of a variation, which needs no prompt."""

    prompt: Prompt = Field("", description="Text that describes the image; keeps the variation closer to it.")
    stream: bool = Field(False, description="Must be false.")

    @field_validator("stream")
    @classmethod
    def _check_stream(cls, stream: bool) -> bool:
        if stream:
            raise ValueError("must be false: variations are not streamed")
        return stream


def parse_fields(fields: type[Fields], sent: Mapping[str, JsonValue]) -> Fields:
    """Parse fields, in which null and the empty string mean that a field is omitted. Raises `ApiProblem`."""
    given = given_fields(sent)
    for name in _UNSUPPORTED:
        if name in given:
            detail = "This service makes images of pixels only; omit this field."
            raise invalid(f"/{name}: {detail}", FieldError(pointer=f"/{name}", code="not_supported", detail=detail))
    return validate(fields, given)
