"""What an image that is being made looks like so far."""

from pydantic import Base64Bytes, Field

from renderq.contract.base import ResponseModel


class Preview(ResponseModel):
    """A small image of an image between two of its steps."""

    index: int = Field(description="The image: 0 … n−1.")
    step: int = Field(description="Denoising steps of this image that are done.")
    steps: int = Field(description="Denoising steps of this image in all.")
    content_type: str = Field(description="`image/jpeg`.")
    width: int = Field(description="Pixels, at most 256; the image's own proportions.")
    height: int
    data: Base64Bytes = Field(description="The file, at most 32 kB; Base64 in JSON.")
