"""Response headers of the page: what a browser lets it load and do, and how long it keeps what it has loaded."""

import base64
import hashlib
from collections.abc import Iterable, Mapping

REVALIDATED = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"
"""For addresses that contain a digest of the content."""
NOT_STORED = "no-store"

VARYING: Mapping[str, str] = {"Vary": "Accept-Encoding"}
FILE_HEADERS: Mapping[str, str] = {"X-Content-Type-Options": "nosniff", **VARYING}


def index_headers(import_map: str, image_origins: Iterable[str]) -> dict[str, str]:
    """Return the headers of `index.html`.

    `import_map`: text of its only inline script. `image_origins`: origins other than the page's that images come from.
    """
    return {
        "Content-Security-Policy": _content_security_policy(import_map, image_origins),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _content_security_policy(import_map: str, image_origins: Iterable[str]) -> str:
    """https://www.w3.org/TR/CSP3/"""
    script_hash = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' 'sha256-{script_hash}'",
        "style-src": "'self'",
        "img-src": " ".join(("'self'", "data:", "blob:", *image_origins)),
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())
