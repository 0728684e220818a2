"""Headers and bodies whose parsing could take more than linear time: a megabyte of spaces or digits is read at once.

The functions get inputs beyond what the server accepts: work that grows with the square of the length would not end.
"""

import json

import httpx2
import pytest

from renderq_api.http.json_body import is_json
from renderq_api.http.range_header import byte_range
from renderq_api.http.strict_json import NotStrictJson, parse_object
from renderq_shared.prompt_attention import find_near_misses, find_weights, parse_prompt_attention
from tests.api.raw_connection import exchange, statuses
from tests.api.running_api import RunningApi

LONG = 2_000_000


@pytest.mark.parametrize("space", [" ", "\t"])
@pytest.mark.parametrize(
    "value", ["application/json{}x", "application/json;{}charset{}={}utf-8{}x", "{}x", "application/json{};{}x"]
)
def test_content_type(value: str, space: str) -> None:
    assert not is_json(value.replace("{}", space * LONG))


def test_content_types_of_json() -> None:
    for value in ("application/json", " Application/JSON ; charset = UTF-8 ;", 'application/json;charset="utf8"'):
        assert is_json(value)
    for value in ("", "text/json", "application/json; charset=latin-1", "application/json; charset=utf-8; x=y"):
        assert not is_json(value)


@pytest.mark.parametrize("value", ["bytes{}x", "bytes{}={}x", "bytes=1{}x", "bytes=1-{}x", "bytes=1-2{}x", "bytes={}-"])
def test_range(value: str) -> None:
    for filling in (" " * LONG, "1" * LONG):
        assert byte_range(value.replace("{}", filling), 100) is None


@pytest.mark.parametrize(
    "prompt",
    ["(a:{}", "(a:{}x)", "(a:.{}", "(a:1{}.{}", "({}:1", "(a:{} ", ":{}x", ").{}x", "a:1{}", "(a{}:"],
)
@pytest.mark.parametrize("filling", ["1", " ", ":", "1,", "\\(", "(", ":1"])
def test_prompt_weights(prompt: str, filling: str) -> None:
    text = prompt.replace("{}", filling * (LONG // 10))
    assert parse_prompt_attention(text)
    assert not find_weights(text)
    find_near_misses(text)


@pytest.mark.parametrize("body", ['"{}', '{"a":"{}"', "[{}", '{"a":{}', "{}"])
@pytest.mark.parametrize("filling", ["\\", '"', " ", "[", "[],", '"a",', "a", '\\"', "1", "{", '{"":', "-", "\\u"])
def test_json(body: str, filling: str) -> None:
    with pytest.raises(NotStrictJson):
        parse_object(body.replace("{}", filling * (LONG // 2)).encode())


@pytest.mark.parametrize("name", ["Content-Type", "Range", "Prefer", "X-Forwarded-For", "Forwarded", "Cookie", "X-Any"])
def test_headers_of_one_name_have_a_bound(api: RunningApi, name: str) -> None:
    for headers in (f"{name}: {'a' * 9_000}\r\n", f"{name}: a, b\r\n{name.lower()}: {'c, ' * 1_000}\r\n" * 3):
        head = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        received = exchange(api, head.encode())
        assert statuses(received) == [431]
        assert name.lower() in received.decode().lower()


def test_a_request_target_has_a_bound(api: RunningApi) -> None:
    for target in ("/" + "a" * 9_000, "/healthz?" + "a&" * 4_500):
        assert statuses(exchange(api, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())) == [414]


def test_lists_are_counted_before_their_items_are_read(http: httpx2.Client) -> None:
    events = {"prompt": "x", "webhook": {"url": "https://example.org", "events": ["a"] * 900}}
    entries = {"prompt": "x", "metadata": {f"k{number}": 1 for number in range(900)}}
    for body, pointer in ((events, "/webhook/events"), (entries, "/metadata")):
        response = http.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, "too_many")]
