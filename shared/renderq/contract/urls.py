"""Validation of URLs that the service sends requests to."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from urllib.parse import urlsplit

URL_CHARACTERS = 2_000

_LABEL = "[a-z0-9_-]{1,63}"
_HOST_PORT = re.compile(
    rf"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>{_LABEL}(\.{_LABEL})*\.?))(:(?P<port>[0-9]{{1,5}})?)?", re.I
)
_NAME_CHARACTERS = 254


def _is_host_port(netloc: str) -> bool:
    """Return whether the text is a host and an optional port that every URL parser reads the same way."""
    match = _HOST_PORT.fullmatch(netloc)
    if match is None or not 0 < int(match["port"] or 80) < 65_536:
        return False
    if match["name"]:
        return len(match["name"]) <= _NAME_CHARACTERS
    try:
        IPv6Address(match["v6"])
    except ValueError:
        return False
    return True


def check_url(url: str, schemes: Collection[str]) -> str:
    """Return an absolute URL without user info or fragment. Raises `ValueError` for anything else."""
    allowed = " or ".join(sorted(schemes))
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(
            "must be printable ASCII without spaces and backslashes; percent-encode the path, punycode the host"
        )
    if len(url) > URL_CHARACTERS:
        raise ValueError(f"must be a URL of at most {URL_CHARACTERS:,} characters")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"must be an {allowed} URL: {error}") from error
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password")
    if parts.scheme not in schemes or not _is_host_port(parts.netloc):
        raise ValueError(f"must be an {allowed} URL, such as https://app.example/path")
    if "#" in url:
        raise ValueError("must not have a fragment; it would not be sent")
    return url
