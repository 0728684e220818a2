"""Entity tags: the `ETag` and `If-None-Match` headers (RFC 9110, sections 8.8.3 and 13.1.2)."""


def strong_etag(digest: str) -> str:
    """Return the ETag of content that never changes without a new digest."""
    return f'"{digest}"'


def weak_etag(version: int) -> str:
    """Return the ETag of a job's version. Weak: signed URLs and the queue position differ between its responses."""
    return f'W/"{version}"'


def is_current(if_none_match: str | None, etag: str) -> bool:
    """Return whether `If-None-Match` contains the ETag, by weak comparison, or `*`."""
    candidates = [candidate.strip().removeprefix("W/") for candidate in (if_none_match or "").split(",")]
    return "*" in candidates or etag.removeprefix("W/") in candidates
