"""Links to images for people without a key."""

from pydantic import Field

from renderq.contract.base import RequestModel, ResponseModel, Timestamp
from renderq.contract.limits import LIMITS


class ImageLinkOptions(RequestModel, frozen=True):
    """Body of `POST /v1/jobs/{id}/images/{index}/link`."""

    seconds: int | None = Field(
        None, ge=1, le=LIMITS.link_seconds, description="Time for which it works; default: as `signed_url`."
    )
    download: bool = Field(False, description="True: a browser saves the file; false: it shows it.")


class ImageLink(ResponseModel):
    """A link to one image, which needs no key."""

    url: str
    expires_at: Timestamp
