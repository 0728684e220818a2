"""`Basic` credentials (RFC 7617), for clients that know no other: the user name or the password is the API key.

A browser remembers such credentials and adds them to the requests of any page. So, unlike those with `Bearer`, requests
with `Basic` that a page of another site has made are refused.
"""

import base64
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from renderq_shared.access import ApiKey, parse_key

_BASIC = re.compile(r"basic +([A-Za-z0-9+/=_-]+)", re.IGNORECASE)


def is_basic(headers: Headers) -> bool:
    """Return whether the request has `Basic` credentials."""
    return headers.get("authorization", "").lower().startswith("basic ")


def basic_key(header: str) -> ApiKey | None:
    """Return the key in an `Authorization` header; `None` if neither user name nor password is one."""
    match = _BASIC.fullmatch(header.strip())
    if match is None:
        return None
    try:
        user, _, password = base64.b64decode(match[1], altchars=b"-_").decode().partition(":")
    except ValueError:
        return None
    return parse_key(password) or parse_key(user)


def cross_site_refusal(headers: Headers, base: str) -> str | None:
    """Return why a request with `Basic` credentials is rejected; `None` if no page of another site has made it.

    `base`: public URL of the service.
    """
    own, origin = urlsplit(base), headers.get("origin")
    if headers.get("sec-fetch-site") == "cross-site" or origin not in (None, f"{own.scheme}://{own.netloc}"):
        return (
            "Requests of pages of other sites need the key as `Authorization: Bearer rq_…`, not as Basic credentials, "
            "which browsers send unasked."
        )
    return None
