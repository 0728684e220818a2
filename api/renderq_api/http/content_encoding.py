"""`Content-Encoding` header (RFC 9110, section 8.4)."""

from starlette.datastructures import Headers

_IDENTITY = "identity"


def content_encoding(headers: Headers) -> str | None:
    """Return the encodings of the body in the order applied; `None` if it is not encoded."""
    encoding = ", ".join(headers.getlist("content-encoding") or [_IDENTITY]).strip().lower()
    return None if encoding == _IDENTITY else encoding
