"""Validation of URLs that the service sends requests to."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

URL_CHARACTERS = 2_000

_LABEL = "[a-z0-9_-]{1,63}"
_HOST_PORT = re.compile(
    rf"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>{_LABEL}(\.{_LABEL})*\.?))(:(?P<port>[0-9]{{1,5}})?)?", re.I
)
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", re.I)
"""Hosts that are IPv4 addresses to a URL parser, as WHATWG defines it; only about `a.b.c.d` do all parsers agree."""
_NAME_CHARACTERS = 254
_ERROR_CHARACTERS = 100
"""Python's message may quote the host."""


def _is_host_port(netloc: str) -> bool:
    """Return whether the text is a host and an optional port that every URL parser reads the same way."""
    match = _HOST_PORT.fullmatch(netloc)
    if match is None or not 0 < int(match["port"] or 80) < 65_536:
        return False
    name = match["name"]
    if name and not _ENDS_IN_NUMBER.fullmatch(name):
        return len(name) <= _NAME_CHARACTERS
    try:
        (IPv4Address if name else IPv6Address)(name or match["v6"])
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
        raise ValueError(f"must be an {allowed} URL: {str(error)[:_ERROR_CHARACTERS]}") from error
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password")
    if parts.scheme not in schemes or not _is_host_port(parts.netloc):
        raise ValueError(f"must be an {allowed} URL, such as https://app.example/path")
    if "#" in url:
        raise ValueError("must not have a fragment; it would not be sent")
    return url
