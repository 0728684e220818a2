"""Webhook URLs: accepted ones mean the same to every URL parser."""

from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from renderq.contract import WebhookOptions

GOOD = [
    "https://app.example/hooks",
    "http://app.example:8080/a?b=c&d=%0D%0A",
    "HTTPS://App.Example",
    "https://xn--bcher-kva.example/",
    "https://my_host.example./",
    "http://192.0.2.1:8443/",
    "http://[2001:db8::1]:8443/x",
    "https://app.example/" + "x" * 1_980,
]

BAD = [
    *("", "x", "app.example/hooks", "//app.example", "http:", "http://", "http:///x", "https://?x", "http://:80/"),
    *("ftp://app.example/", "file:///etc/passwd", "javascript:alert(1)", "gopher://app.example/", "unix:///run/x.sock"),
    *("https://user@app.example/", "https://user:secret@app.example/", "https://a.example@b.example/", "https://@b/"),
    *("https://app.example:0/", "https://app.example:65536/", "https://app.example:x/", "https://app.example:80:80/"),
    *("https://app.example/#part", "https://app.example#", "https://app.example\\@b.example/", "https://a b.example/"),
    *(
        "https://app.example/\r\nX-Injected: 1",
        "https://app.example\r\nHost: x/",
        "https://app.example/\t",
        "\thttps://a/",
    ),
    *("https://app.example/\0", "https://app.example\n", " https://app.example/", "https://app.example/ "),
    *(
        "https://bücher.example/",
        "https://app。example/",
        "https://①②⑦.0.0.1/",
        "https://app.example/ü",
        "https://\u202eapp/",
    ),
    *("https://ex%61mple.com/", "https://a%00b/", "https://a,b/", "https://a..b/", "https://.a/", "https://a;b/"),
    *(
        "https://[::1/",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1]x/",
        "https://::1/",
        "https://[]/",
    ),
    *(
        "http://0127.0.0.1",
        "http://127.1",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://a.0x7f",
        "http://127.0.0.1.",
    ),
    *("https://" + "a" * 64 + ".example/", "https://" + "a." * 130, "https://app.example/" + "x" * 1_981),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_web_url_is_accepted(url: str) -> None:
    assert WebhookOptions(url=url).url == url


@pytest.mark.parametrize("url", BAD)
def test_anything_else_is_not(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookOptions(url=url)


pieces = st.sampled_from(
    [*"/\\@:?#[]%. \t\r\n\0;,0a-_", "http", "https", "://", "127.0.0.1", "::1", "%0d%0a", "ü", "\ud800"]
)
urls = st.lists(pieces, max_size=12).map("".join)


@given(urls | urls.map("http://".__add__))
def test_accepted_urls_have_one_host(url: str) -> None:
    """Parsers that disagree about the host are a way to forge server-side requests."""
    try:
        WebhookOptions(url=url)
    except ValidationError:
        return
    ours, sent = urlsplit(url), httpx2.URL(url)
    assert (ours.hostname, ours.port, ours.scheme) == (sent.host, sent.port or ours.port, sent.scheme)
    assert not sent.userinfo
    assert not sent.fragment
    target = sent.raw_path + sent.netloc
    assert target.isascii()
    assert target.decode().isprintable()
    assert b" " not in target
