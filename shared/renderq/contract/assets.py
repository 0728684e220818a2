"""Input images: uploaded once, named by their content, used by any number of jobs."""

from typing import Literal

from pydantic import Field

from renderq.contract.base import ResponseModel, Timestamp

AssetType = Literal["image/png", "image/jpeg", "image/webp"]


class Asset(ResponseModel):
    """An uploaded image."""

    id: str = Field(description="`asset_` and the sha256 of the file: the same bytes have the same id.")
    content_type: AssetType = Field(description="Told by the content, whatever the upload said.")
    width: int = Field(description="Pixels, as the image is shown: turned as its EXIF orientation says.")
    height: int
    size_bytes: int
    sha256: str = Field(description="Of the file.")
    created_at: Timestamp
    expires_at: Timestamp | None = Field(
        description="When it is removed unless it is uploaded or used again before; null while a job that can be "
        "looked up names it, and where assets are kept for ever."
    )
    url: str = Field(description="The stable address of the image: redirects to a signed URL, or is the image itself.")
