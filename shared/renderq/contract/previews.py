"""Previews of images in progress."""

from pydantic import Base64Bytes, Field

from renderq.contract.base import ResponseModel


class Preview(ResponseModel):
    """A small preview of an image between two denoising steps."""

    index: int = Field(description="Index of the image: 0 … n−1.")
    step: int = Field(description="Denoising steps of this image completed.")
    steps: int = Field(description="Total denoising steps of this image.")
    content_type: str = Field(description="`image/jpeg`.")
    width: int = Field(description="Pixels, at most 256; same aspect ratio as the image.")
    height: int
    data: Base64Bytes = Field(repr=False, description="The file, at most 32 kB; base64 in JSON.")
