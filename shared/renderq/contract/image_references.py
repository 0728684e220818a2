"""Image references in requests: asset id, https URL, or data URL."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from renderq.contract.limits import LIMITS
from renderq.contract.urls import check_url

_ASSET_ID = re.compile(r"asset_[0-9a-f]{64}")

_DATA_URL = re.compile(r"\s*data:[^,]{0,200}; *base64,", re.ASCII | re.IGNORECASE)


def is_asset_id(text: str) -> bool:
    return _ASSET_ID.fullmatch(text) is not None


def is_data_url(text: str) -> bool:
    """Return whether the text is a base64 `data:` URL (RFC 2397). Its media type is ignored: the content decides."""
    return _DATA_URL.match(text) is not None


def is_https_url(text: str) -> bool:
    """Whether the text is a URL with the scheme `https`, in any case."""
    return text[:8].lower() == "https://"


def _check_image_reference(text: str) -> str:
    if is_asset_id(text) or is_data_url(text):
        return text
    if is_https_url(text):
        return check_url(text, {"https"})
    raise ValueError(
        "must be an asset id (asset_ and 64 hexadecimal digits), an https URL, or a base64 data URL, "
        "such as data:image/png;base64,…"
    )


ImageReference = Annotated[str, Field(max_length=LIMITS.data_url_characters), AfterValidator(_check_image_reference)]
"""`asset_…`, `https://…` or `data:…;base64,…`."""
