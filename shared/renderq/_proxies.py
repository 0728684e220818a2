"""Proxies of the environment: which one a URL goes through, and whether this client can use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from renderq._hosts import has_valid_host
from renderq.errors import ConfigurationError

_SOCKS = ("socks5", "socks5h")
_SCHEMES = ("http", "https", *_SOCKS)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the variable that names it."""

    variable: str
    url: str = field(repr=False)
    """May contain a password."""


class Proxies:
    """The proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` define, in either case.

    This machine is never asked through a proxy: such variables are meant for other hosts.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        is_cgi = "REQUEST_METHOD" in environ  # then a client's header `Proxy:` is HTTP_PROXY (https://httpoxy.org)
        self._proxies: dict[str, Proxy] = {}
        for scheme in ("http", "https", "all"):
            for variable in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
                if (url := environ.get(variable, "").strip()) and not (is_cgi and variable == "HTTP_PROXY"):
                    self._proxies.setdefault(scheme, Proxy(variable, url if "://" in url else f"http://{url}"))
        self._exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""

    def find(self, url: httpx2.URL) -> Proxy | None:
        """Return the proxy for a URL; `None`: connect directly. Raises `ConfigurationError` if it cannot be used."""
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if proxy is None or is_this_machine(url.host) or _is_exempt(url, self._exempt):
            return None
        if problem := _problem(proxy.url):
            raise ConfigurationError(
                f"the proxy in the environment variable {proxy.variable} cannot be used: {problem}; "
                f"correct or unset it, or add {url.host} to NO_PROXY"
            )
        return proxy


def is_this_machine(host: str) -> bool:
    """Return whether a host is `localhost`, a loopback address, or the unspecified address."""
    address = _address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address is not None:
        return address.is_loopback or address.is_unspecified
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_exempt(url: httpx2.URL, exempt: str) -> bool:
    """Return whether `NO_PROXY` lists the host: as a name, a parent domain, an address, a network, or `*`."""
    host, address = url.host.lower(), _address(url.host)
    port = str(url.port or {"http": 80, "https": 443}.get(url.scheme))
    for entry in exempt.lower().replace(",", " ").split():
        entry = entry.rpartition("://")[2]
        if network := _network(entry):
            if address is not None and address in network:
                return True
            continue
        name, _, only_port = entry.partition(":")
        domain = name.removeprefix("*").lstrip(".")
        if only_port in ("", port) and (name == "*" or host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _problem(url: str) -> str | None:
    """Return why a proxy cannot be used, without its user name and password."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return "it is not a URL, such as http://proxy.example:3128"
    if parsed.scheme not in _SCHEMES:
        return f"its scheme is {parsed.scheme!r}, not {', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]}"
    if not parsed.host or "%" in parsed.host or not has_valid_host(parsed):
        return "it names no host"
    if parsed.scheme in _SOCKS and find_spec("socksio") is None:
        return "SOCKS needs the package socksio (pip install socksio)"
    return None


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """Return the network of an entry such as `10.0.0.0/8`, `[::1]` or `10.0.0.1:80`."""
    host = entry if entry.count(":") > 1 else entry.partition(":")[0]
    try:
        return ip_network(host.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
