"""Options of a request about its image files."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from renderq.contract.base import RequestModel
from renderq.contract.limits import LIMITS

ImageFormat = Literal["png", "jpeg", "webp"]


def _check_watermark(text: str) -> str:
    """Require printable ASCII: detection separates a watermark from noise by that alone."""
    shortest, longest = LIMITS.watermark_characters_min, LIMITS.watermark_characters
    if not (text.isascii() and text.isprintable() and text == text.strip() and shortest <= len(text) <= longest):
        raise ValueError(f"must have {shortest} to {longest} characters of printable ASCII and no space at either end")
    return text


WatermarkText = Annotated[
    str,
    AfterValidator(_check_watermark),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": LIMITS.watermark_characters_min,
            "maxLength": LIMITS.watermark_characters,
            "pattern": "^[!-~][ -~]*[!-~]$",
        }
    ),
]
"""Text embedded invisibly into the pixels."""


def _check_integer(value: object) -> object:
    """Refuse `true` and `2.0`, which equal values of a literal."""
    if type(value) is not int:
        raise ValueError("must be an integer")
    return value


ResizeFactor = Annotated[Literal[1, 2, 4], BeforeValidator(_check_integer)]
"""Factor by which width and height of a rendered image grow."""


class OutputOptions(RequestModel, frozen=True):
    """File format and contents of the images."""

    format: ImageFormat = Field("png", description="File format of the images.")
    quality: int = Field(90, ge=1, le=100, description="For `jpeg` and `webp`; `png` is always lossless.")
    embed_recipe: bool = Field(
        True, description="Write request, seed and model revision into the file, so that the image can be reproduced."
    )
    grid: bool = Field(False, description="Also make a grid of all images of the job; see `grid` of the job.")
    resize: ResizeFactor = Field(
        1,
        description="Enlarge width and height of the rendered images by this factor, with a Lanczos filter; to at most "
        f"{LIMITS.resized_pixels:,} pixels.",
    )
    watermark: WatermarkText | None = Field(
        None,
        description="Text embedded invisibly into the pixels; default: the model's, which takes precedence. "
        f"Needs images of {LIMITS.watermark_pixels:,} pixels or more.",
    )
