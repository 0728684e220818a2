"""Entity tags: the `ETag`, `If-Match` and `If-None-Match` headers (RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2)."""

from collections.abc import Sequence


def strong_etag(digest: str) -> str:
    """Return the ETag of content that never changes without a new digest."""
    return f'"{digest}"'


def weak_etag(version: int) -> str:
    """Return the ETag of a job's version. Weak: signed URLs and the queue position differ between its responses."""
    return f'W/"{version}"'


def is_current(if_none_match: Sequence[str], etag: str) -> bool:
    """Return whether the `If-None-Match` headers contain the ETag, by weak comparison, or `*`."""
    candidates = [candidate.removeprefix("W/") for candidate in _candidates(if_none_match)]
    return "*" in candidates or etag.removeprefix("W/") in candidates


def is_expected(if_match: Sequence[str], etag: str) -> bool:
    """Return whether the `If-Match` headers contain the ETag, by strong comparison, or `*`; true without any."""
    candidates = _candidates(if_match)
    return not if_match or "*" in candidates or (etag in candidates and not etag.startswith("W/"))


def _candidates(headers: Sequence[str]) -> list[str]:
    return [candidate.strip() for candidate in ",".join(headers).split(",")]
