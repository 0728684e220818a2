"""Headers by which reverse proxies describe the request that they received.

`X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`, and `Forwarded` (RFC 7239). All are lists to which every
proxy appends, or single values that it overwrites. The client can send them, too: only the values that our own proxies
appended are certain.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers

IpAddress = IPv4Address | IPv6Address

_FORWARDED_PAIR = re.compile(
    r"\s*+(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]++)=(?:\"(?P<quoted>[^\"\\]*+)\"|(?P<token>[^\s;\"\\]++))\s*+)?(?:;|$)"
)
"""One parameter of an element, which may be empty (RFC 7239, section 4)."""

_UNKNOWN = "unknown"

_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ForwardedHeaders:
    """Values of each header, the client's first, the nearest proxy's last. Nothing is validated but the addresses."""

    addresses: tuple[IpAddress | None, ...] = ()
    """Client of each proxy; `None` for anything but an IP address, such as `unknown`."""
    schemes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Path prefix that each proxy has removed."""


def read_forwarded(headers: Headers) -> ForwardedHeaders:
    """Return the values of these headers.

    `Forwarded` counts only without `X-Forwarded-For`, `-Proto` and `-Host`: proxies that set those usually pass on
    the client's `Forwarded`.
    """
    values = {name: _values(headers, f"x-forwarded-{name}") for name in ("for", "proto", "host", "port", "prefix")}
    if not (values["for"] or values["proto"] or values["host"]):
        values |= _forwarded(headers)
    return ForwardedHeaders(
        tuple(map(parse_address, values["for"])), values["proto"], values["host"], values["port"], values["prefix"]
    )


def claimed_addresses(headers: Headers) -> Iterable[IpAddress | None]:
    """Return the client addresses in `X-Forwarded-For` and `Forwarded`, also those that no trusted proxy added."""
    texts = (*_values(headers, "x-forwarded-for"), *_forwarded(headers)["for"])
    return map(parse_address, texts)


def parse_address(text: str) -> IpAddress | None:
    """Parse an IP address with or without brackets and port. Addresses of IPv4 in IPv6 are returned as IPv4.

    nginx' `unix:`, the peer at a Unix socket, is this machine.
    """
    if text == "unix:":
        return IPv4Address("127.0.0.1")
    match = _ADDRESS.fullmatch(text)
    try:
        address = ip_address((match["v6"] or match["v4"]) if match else text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _values(headers: Headers, name: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for line in headers.getlist(name) for part in line.split(","))))


def _forwarded(headers: Headers) -> dict[str, tuple[str, ...]]:
    """Return the values of `for`, `proto` and `host`. A malformed element has an unknown address and nothing else.

    Every comma ends an element, even in quotes: what a client leaves open must not swallow what a proxy appends.
    """
    values: dict[str, list[str]] = {"for": [], "proto": [], "host": []}
    for element in _values(headers, "forwarded"):
        parameters = _parameters(element)
        for name in values.keys() & parameters.keys():
            values[name].append(parameters[name])
    return {name: tuple(found) for name, found in values.items()}


def _parameters(element: str) -> dict[str, str]:
    """Return the parameters of one element of `Forwarded`, each of which may occur once."""
    found: dict[str, str] = {}
    position = 0
    while position < len(element):
        pair = _FORWARDED_PAIR.match(element, position)
        name = pair and (pair["name"] or "").lower()
        if pair is None or name in found:
            return {"for": _UNKNOWN}
        if name:
            found[name] = pair["quoted"] or pair["token"] or ""
        position = pair.end()
    return found
