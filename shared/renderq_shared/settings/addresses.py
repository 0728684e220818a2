"""Settings that name addresses: URLs of web servers, networks, hosts."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import SplitResult, urlsplit

from renderq_shared.host_names import is_host
from renderq_shared.settings.values import split_list

IpNetwork = IPv4Network | IPv6Network

_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+"
_PREFIX = re.compile(rf"(?!/(?:v1|ui|jobs)(?:/|$))(?:/{_SEGMENT}){{0,16}}")
_PREFIX_CHARACTERS = 200


def parse_web_url(url: str, example: str) -> SplitResult:
    """Parse an `http` or `https` URL without credentials, query and fragment. Raises `ValueError`.

    `example` is named in the error's message.
    """
    expected = f"must be a URL such as {example}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{expected}, without user and password")
    if "?" in url or "#" in url:
        raise ValueError(f"{expected}, without query and fragment")
    if parts.scheme not in {"http", "https"} or port == 0 or not is_host(parts.hostname or ""):
        raise ValueError(expected)
    return parts


def parse_public_url(url: str) -> str:
    """Return the public URL without trailing slash. Raises `ValueError`."""
    parts = parse_web_url(url, "https://render.example.com or https://example.com/render")
    path = parts.path.rstrip("/")
    if not is_path_prefix(path):
        raise ValueError(
            "must have a path of letters, digits and . _ ~ - only, which does not begin with /v1, /ui or /jobs; "
            "clients append /v1/…"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_path_prefix(path: str) -> bool:
    """Return whether routes of the API can be served below this path: empty, or `/PREFIX` without trailing slash.

    Routes begin with `/v1`, `/ui` and `/jobs` themselves, so a prefix must not.
    """
    return len(path) <= _PREFIX_CHARACTERS and _PREFIX.fullmatch(path) is not None


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Parse comma-separated IP addresses and networks. Raises `ValueError`."""
    try:
        return tuple(map(ip_network, split_list(text)))
    except ValueError as error:
        hint = "; bits beyond the prefix must be 0" if "host bits" in str(error) else ""
        raise ValueError(f"must be comma-separated addresses and networks such as 10.0.0.0/8{hint}") from error
