"""Proxies of the environment: which URL goes through which, and what cannot be used."""

import httpx2
import pytest

from renderq import ConfigurationError
from renderq._proxies import Proxies, is_this_machine

PROXIES = {"HTTP_PROXY": "http://a:1", "https_proxy": "b:2", "ALL_PROXY": "socks5://c:3"}


def variable(url: str, environ: dict[str, str]) -> str | None:
    proxy = Proxies(environ).find(httpx2.URL(url))
    return proxy and proxy.variable


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://render.example", "HTTP_PROXY"),
        ("https://render.example", "https_proxy"),
        ("http://127.0.0.1:8400", None),
        ("http://127.9.9.9", None),
        ("http://localhost:8400", None),
        ("https://a.localhost", None),
        ("http://[::1]:8400", None),
        ("http://[::ffff:127.0.0.1]:8400", None),
        ("http://0.0.0.0:8400", None),
        ("http://localhost.example", "HTTP_PROXY"),
        ("http://10.0.0.1", "HTTP_PROXY"),
    ],
)
def test_a_url_goes_through_the_proxy_of_its_scheme_unless_it_is_this_machine(url: str, expected: str | None) -> None:
    assert variable(url, PROXIES) == expected


@pytest.mark.parametrize(
    ("exempt", "is_exempt"),
    [
        ("*", True),
        ("render.example", True),
        (".example", True),
        ("*.example", True),
        ("EXAMPLE", True),
        ("other, render.example:8400", True),
        ("http://render.example", True),
        ("render.example:80", False),
        ("der.example", False),
        ("10.0.0.0/8", False),
        ("", False),
    ],
)
def test_hosts_in_no_proxy_are_asked_directly(exempt: str, is_exempt: bool) -> None:
    environ = {"http_proxy": "http://a:1", "NO_PROXY": exempt}
    assert (variable("http://render.example:8400", environ) is None) is is_exempt


@pytest.mark.parametrize("exempt", ["10.1.2.3", "10.0.0.0/8", "[fd00::]/8 10.0.0.0/8", "10.1.2.3:80"])
def test_addresses_and_networks_in_no_proxy_too(exempt: str) -> None:
    assert variable("http://10.1.2.3", {"http_proxy": "http://a:1", "no_proxy": exempt}) is None
    assert variable("http://11.1.2.3", {"http_proxy": "http://a:1", "no_proxy": exempt}) == "http_proxy"


def test_an_ipv6_network_in_no_proxy() -> None:
    assert variable("http://[fd00::1]", {"http_proxy": "http://a:1", "no_proxy": "fd00::/8"}) is None
    assert variable("http://[fe80::1]", {"http_proxy": "http://a:1", "no_proxy": "fd00::/8"}) == "http_proxy"


def test_a_variable_that_no_url_needs_may_be_anything() -> None:
    environ = {**PROXIES, "ALL_PROXY": "socks://nonsense"}
    assert variable("http://render.example", environ) == "HTTP_PROXY"
    assert variable("http://127.0.0.1", {"ALL_PROXY": "socks://nonsense"}) is None


def test_the_header_proxy_of_a_cgi_request_is_no_variable() -> None:
    assert variable("http://render.example", {"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "socksio"),
        ("all_proxy", "socks://127.0.0.1:9", "scheme is 'socks'"),
        ("HTTPS_PROXY", "ftp://user:hush@proxy:21", "scheme is 'ftp'"),
        ("https_proxy", "http://user:hush@proxy:port", "not a URL"),
        ("https_proxy", "http://", "names no host"),
        ("https_proxy", "http://pro xy", "not a URL|names no host"),
        ("https_proxy", "http://proxy..example:3128", "names no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"variable {name} cannot be used: .*({problem})") as caught:
        variable("https://render.example", {name: value})
    assert "hush" not in str(caught.value)


def test_names_of_this_machine() -> None:
    assert [is_this_machine(host) for host in ("LOCALHOST", "localhost.", "::", "nolocalhost", "")] == [
        True,
        True,
        True,
        False,
        False,
    ]
