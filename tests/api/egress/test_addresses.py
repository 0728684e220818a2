"""Addresses and ports that requests to client-supplied URLs may reach."""

from ipaddress import ip_address

import pytest

from renderq_api.egress import EgressDenied, check_allowed
from renderq_api.egress.address_policy import check_port, checked_addresses
from renderq_shared.settings.addresses import parse_networks

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]

DENIED = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1", "2001:db8::1"),
    *("3fff::1", "100::1", "5f00::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    check_allowed(ip_address(address), ())


@pytest.mark.parametrize("address", DENIED)
def test_everything_else_is_refused(address: str) -> None:
    with pytest.raises(EgressDenied, match="no public address"):
        check_allowed(ip_address(address), ())


def test_the_operator_allows_networks_and_nothing_around_them() -> None:
    allowed = parse_networks("10.1.0.0/16, fd00::/8,127.0.0.1/32")
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "127.0.0.1"):
        check_allowed(ip_address(address), allowed)
    for address in ("10.2.0.1", "fc00::1", "127.0.0.2", "::1", "64:ff9b::a01:203"):
        with pytest.raises(EgressDenied):
            check_allowed(ip_address(address), allowed)


def test_one_refused_address_refuses_the_name() -> None:
    public, private = ip_address("1.1.1.1"), ip_address("10.0.0.1")
    assert checked_addresses([public, public], ()) == (public,)
    for mixed in ([public, private], [private, public], []):
        with pytest.raises(EgressDenied):
            checked_addresses(mixed, ())


@pytest.mark.parametrize("port", [1, 22, 25, 445, 1023])
def test_ports_of_other_protocols_are_refused(port: int) -> None:
    with pytest.raises(EgressDenied):
        check_port(port)


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65_535])
def test_ports_of_web_servers_are_not(port: int) -> None:
    check_port(port)
