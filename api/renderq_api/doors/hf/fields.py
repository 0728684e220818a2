"""Fields of a request: Hugging Face's, and those of renderq that their API lacks. Others are ignored."""

from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from renderq.contract import LIMITS, SamplingOverrides
from renderq.contract.requests import Prompt
from renderq_api.doors.given_fields import given_fields
from renderq_api.http.validation import validate

_STEPS = "num_inference_steps"

Side = Annotated[int, Field(ge=1, le=LIMITS.side_pixels)]


def _given(value: object) -> object:
    return given_fields(cast(Mapping[str, object], value)) if isinstance(value, Mapping) else value


class TargetSize(BaseModel, frozen=True):
    """Size of the image that is made from another one."""

    model_config = ConfigDict(strict=True)

    width: Side
    height: Side


class Parameters(SamplingOverrides, frozen=True):
    """How the image is made."""

    model_config = ConfigDict(extra="ignore", strict=True)

    prompt: Prompt | None = Field(None, description="Text that describes the image; then `inputs` is an image.")
    negative_prompt: Prompt | None = Field(None, description="Text that describes what to avoid.")
    width: Side | None = Field(
        None,
        description="Pixels. With `height`, a size that the model cannot render becomes the nearest one that it can.",
    )
    height: Side | None = Field(None, description="As `width`.")
    target_size: TargetSize | None = Field(
        None, description="Size of an image that is made from another one; takes precedence."
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=LIMITS.steps,
        validation_alias=AliasChoices(_STEPS, "steps"),
        description="Denoising steps.",
    )
    seed: int | None = Field(None, description="Drawn at random if omitted.")
    strength: float | None = Field(
        None, description="Denoising strength of an image that is made from another one; else ignored."
    )


class ImageRequest(BaseModel, frozen=True):
    """A prompt, or an image in base64, and parameters."""

    inputs: str = Field(description="The prompt; or an image in base64, with the prompt in `parameters`.")
    parameters: Annotated[Parameters, BeforeValidator(_given)] = Field(Parameters.model_validate({}))


def parse_request(sent: Mapping[str, JsonValue]) -> ImageRequest:
    """Parse the fields of a request. Raises `ApiProblem`."""
    given = {name: value for name, value in sent.items() if value is not None}
    return validate(ImageRequest, given)
