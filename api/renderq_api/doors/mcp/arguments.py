"""Arguments of the tools, from which their schemas are made."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from renderq.contract import LIMITS, SamplingOverrides
from renderq.contract.image_references import ImageReference
from renderq.contract.requests import Prompt

MAX_IMAGES = 4
"""Of one call: all come in one response, which an assistant puts before its model."""

Side = Annotated[int, Field(ge=1, le=LIMITS.side_pixels)]


class Arguments(BaseModel, frozen=True):
    """Arguments of a tool; models of assistants send null for what they leave out."""

    model_config = ConfigDict(extra="forbid", strict=True)


class GenerateImage(Arguments, SamplingOverrides, frozen=True):
    """Arguments of `generate_image`."""

    prompt: Prompt = Field(description="What the image shows.")
    negative_prompt: Prompt | None = Field(None, description="What to avoid.")
    model: str | None = Field(None, max_length=200, description="A name from list_models; default: the first one.")
    width: Side | None = Field(
        None, description="Pixels. With height, a size that the model cannot make becomes the nearest one that it can."
    )
    height: Side | None = Field(None, description="Pixels.")
    n: int | None = Field(None, ge=1, le=MAX_IMAGES, description="Number of images; default 1.")
    seed: int | None = Field(None, ge=0, le=LIMITS.seed, description="Repeats an image with the same arguments.")
    image: ImageReference | None = Field(
        None,
        description="An image to start from: `job_…/0` (image 0 of a job of this tool), `asset_…`, or an https URL.",
    )
    mask: ImageReference | None = Field(
        None, description="As image, of which it covers a part: white is painted anew, black is kept."
    )
    strength: float | None = Field(
        None, ge=0, le=1, description="How far to depart from image: 0 keeps it, 1 keeps almost nothing."
    )


class JobArguments(Arguments, frozen=True):
    """Arguments of tools about one job."""

    job: str = Field(max_length=100, description="The id of the job, from generate_image.")


class NoArguments(Arguments, frozen=True):
    """Arguments of tools that need none."""
