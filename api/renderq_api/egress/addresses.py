"""Which IP addresses a request that a client asked for may go to. Pure: no resolver, no socket."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
AllowedNetworks = tuple[IPv4Network | IPv6Network, ...]
"""Networks that the operator allows although they are not public (`RENDERQ_EGRESS_ALLOW`)."""


class EgressDenied(Exception):
    """The address is none that a client may send the service to. The message says why.

    It does not say where a name leads: the client may not know, and not be meant to.
    """


_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a cloud's platform service: public by number, not by nature
    )
)
"""https://www.iana.org/assignments/iana-ipv4-special-registry and multicast; our own list, because what `ipaddress`
takes for global differs between versions of Python."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Everything else is loopback, unspecified, local, multicast, embedded IPv4 (mapped, NAT64) or unassigned."""

_REFUSED_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Of those: protocol assignments with Teredo, documentation, 6to4.
https://www.iana.org/assignments/iana-ipv6-special-registry"""

PORTS_BELOW_1024 = frozenset({80, 443})
"""The other well-known ports belong to protocols that are not HTTP."""


def check_allowed(address: Address, allowed: AllowedNetworks) -> None:
    """Raises `EgressDenied` unless the address is public or the operator allows it."""
    plain = _without_mapping(address)
    if any(plain in network for network in allowed if network.version == plain.version) or _is_public(plain):
        return
    raise EgressDenied("the host has no public address; RENDERQ_EGRESS_ALLOW can allow it")


def check_port(port: int) -> None:
    """Raises `EgressDenied` for ports on which no web server is meant to listen."""
    if port < 1024 and port not in PORTS_BELOW_1024:
        raise EgressDenied(f"port {port} is not one of a web server: use 80, 443, or 1024 and above")


def parse_allowed(text: str) -> AllowedNetworks:
    """Comma-separated networks, such as `10.0.0.0/8, fd00::/8`. Raises `ValueError`."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def checked_addresses(addresses: Sequence[Address], allowed: AllowedNetworks) -> tuple[Address, ...]:
    """The addresses of one name, to be tried in order. One that is refused refuses them all.

    A name that has public and private addresses has no honest use, and the next lookup may order them differently.
    """
    if not addresses:
        raise EgressDenied("the host name has no address")
    for address in addresses:
        check_allowed(address, allowed)
    return tuple(dict.fromkeys(addresses))


def _without_mapping(address: Address) -> Address:
    """`::ffff:a.b.c.d` reaches a.b.c.d; a zone (`%eth0`) changes nothing about what an address is."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _REFUSED_V6)
