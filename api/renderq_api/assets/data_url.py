"""Decoding of base64 data URLs, as forgiving as browsers (https://fetch.spec.whatwg.org/#data-url-processor)."""

import base64
import re
from urllib.parse import unquote

from renderq_api.assets.errors import unreadable

_WHITE_SPACE = re.compile(r"[ \t\n\f\r]+")
_BASE64 = re.compile(r"([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}")
"""Either alphabet of RFC 4648; a mixture is damage."""


def decode_data_url(data_url: str) -> bytes:
    """Return the bytes of a base64 data URL. Raises `ImageRejected`.

    White space, missing padding, the URL-safe alphabet and percent-encoding are accepted.
    """
    text = _WHITE_SPACE.sub("", unquote(data_url.partition(",")[2]))
    digits = text.rstrip("=")
    if not _BASE64.fullmatch(text) or len(digits) % 4 == 1:
        raise unreadable("the data after `base64,` is not valid base64", "Encode it again")
    return base64.urlsafe_b64decode(digits.translate({ord("+"): "-", ord("/"): "_"}) + "=" * (-len(digits) % 4))
