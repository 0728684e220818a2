"""IP addresses and ports that requests to client-supplied URLs may reach. Pure: no resolver, no socket."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from renderq_shared.settings import IpNetwork

Address = IPv4Address | IPv6Address
AllowedNetworks = tuple[IpNetwork, ...]
"""Non-public networks that the operator allows (`RENDERQ_EGRESS_ALLOW`)."""


class EgressDenied(Exception):
    """Requests to this address are denied. The message says why.

    It does not reveal the addresses of a host name, which the client may not be allowed to learn.
    """


_DENIED_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's platform endpoint, in a public range
    )
)
"""https://www.iana.org/assignments/iana-ipv4-special-registry and multicast. Not `ipaddress.is_global`, which differs
between versions of Python."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Everything else is loopback, unspecified, local, multicast, embedded IPv4 (mapped, NAT64) or unassigned."""

_DENIED_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Exceptions in global unicast: protocol assignments with Teredo, documentation, 6to4.
https://www.iana.org/assignments/iana-ipv6-special-registry"""

PORTS_BELOW_1024 = frozenset({80, 443})
"""Allowed well-known ports; the others belong to protocols other than HTTP."""


def check_allowed(address: Address, allowed: AllowedNetworks) -> None:
    """Raise `EgressDenied` unless the address is public or allowed by the operator."""
    plain = _without_mapping(address)
    if any(plain in network for network in allowed if network.version == plain.version) or _is_public(plain):
        return
    raise EgressDenied("the host has no public address; RENDERQ_EGRESS_ALLOW can allow it")


def check_port(port: int) -> None:
    """Raise `EgressDenied` for well-known ports other than 80 and 443."""
    if port < 1024 and port not in PORTS_BELOW_1024:
        raise EgressDenied(f"port {port} is not allowed; use 80, 443, or 1024 and above")


def checked_addresses(addresses: Sequence[Address], allowed: AllowedNetworks) -> tuple[Address, ...]:
    """Return the addresses of one host name in order, without duplicates. One denied address denies them all.

    A name with both public and private addresses has no legitimate use, and the next lookup may order them differently.
    """
    if not addresses:
        raise EgressDenied("the host name has no address")
    for address in addresses:
        check_allowed(address, allowed)
    return tuple(dict.fromkeys(addresses))


def _without_mapping(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped one (`::ffff:a.b.c.d`), and an IPv6 address without its zone."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_V4)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _DENIED_V6)
