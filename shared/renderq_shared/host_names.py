"""Syntax of host names and IP addresses."""

import re
from ipaddress import ip_address

_NAME = re.compile(r"(?=.{1,253}$)(?:[0-9A-Za-z_][0-9A-Za-z_-]{0,62}(?:\.|$))+")


def is_host(text: str) -> bool:
    """Return whether a host can be looked up under this name. IPv6 addresses have no brackets."""
    if _NAME.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
