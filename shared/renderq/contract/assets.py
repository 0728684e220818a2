"""Assets: uploaded input images, identified by their content, usable by any number of jobs."""

from typing import Literal

from pydantic import Field, JsonValue

from renderq.contract.base import ResponseModel, Timestamp

AssetType = Literal["image/png", "image/jpeg", "image/webp"]


class Asset(ResponseModel):
    """An uploaded image."""

    id: str = Field(description="`asset_` and the sha256 of the file: equal files have equal ids.")
    content_type: AssetType = Field(description="Detected from the content; the declared type is ignored.")
    width: int = Field(description="Pixels, after applying the EXIF orientation.")
    height: int
    size_bytes: int
    sha256: str = Field(description="sha256 of the file.")
    created_at: Timestamp
    expires_at: Timestamp | None = Field(
        description="When it is deleted unless it is uploaded or used again; null while a job that still exists "
        "uses it, and if assets are kept forever."
    )
    recipe: dict[str, JsonValue] | None = Field(
        None,
        description="What the file says of its own making, as the body of a submission, not checked against any model: "
        "the recipe that renderq has written, or the settings (`parameters`) of other programs as far as renderq has "
        "them. null: nothing that can be read.",
    )
    url: str = Field(description="Stable URL of the image: redirects to a signed URL, or returns the image.")
