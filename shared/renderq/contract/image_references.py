"""Image references in requests: asset id, image of a job, https URL, or data URL."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from renderq.contract.limits import LIMITS
from renderq.contract.urls import check_url

_ASSET_ID = re.compile(r"asset_[0-9a-f]{64}")

_JOB_IMAGE = re.compile(r"(job_[0-9a-z]{1,26})/(0|[1-9][0-9]{0,3})")

_DATA_URL = re.compile(r"\s*data:[^,]{0,200}; *base64,", re.ASCII | re.IGNORECASE)


def is_asset_id(text: str) -> bool:
    return _ASSET_ID.fullmatch(text) is not None


def parse_job_image(text: str) -> tuple[str, int] | None:
    """Return job id and index of a reference such as `job_…/2`; `None` for other text."""
    match = _JOB_IMAGE.fullmatch(text)
    return (match[1], int(match[2])) if match else None


def is_reference(text: str) -> bool:
    """Return whether the text names an image that the service can get by itself."""
    return is_asset_id(text) or parse_job_image(text) is not None or is_data_url(text) or is_https_url(text)


def is_data_url(text: str) -> bool:
    """Return whether the text is a base64 `data:` URL (RFC 2397). Its media type is ignored: the content decides."""
    return _DATA_URL.match(text) is not None


def is_https_url(text: str) -> bool:
    """Whether the text is a URL with the scheme `https`, in any case."""
    return text[:8].lower() == "https://"


def _check_image_reference(text: str) -> str:
    if is_https_url(text):
        return check_url(text, {"https"})
    if is_reference(text):
        return text
    raise ValueError(
        "must be an asset id (asset_ and 64 hexadecimal digits), an image of a job (its id, a slash and the index), "
        "an https URL, or a base64 data URL, such as data:image/png;base64,…"
    )


ImageReference = Annotated[str, Field(max_length=LIMITS.data_url_characters), AfterValidator(_check_image_reference)]
"""`asset_…`, `job_…/2`, `https://…` or `data:…;base64,…`."""
