"""Rejected bodies: the problem says where the error is, what is wrong and what was expected."""

import json
import socket
from typing import Any

import httpx2
import pytest

from renderq.contract import LIMITS
from tests.api.problems import pointers, problem

JSON = {"Content-Type": "application/json"}


def post(client: httpx2.Client, body: bytes | str, **headers: str) -> httpx2.Response:
    return client.post("/v1/jobs", content=body, headers={**JSON, **headers})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b" \n", "empty_body"),
        (b"{", "not_json"),
        (b'{"prompt": "x"} trailing', "not_json"),
        (b"{'prompt': 'x'}", "not_json"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"prompt": "x"}', "not_json"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b'{"prompt": "line\nbreak"}', "not_json"),
        (b'{"prompt": "x\xff"}', "not_utf8"),
        ('{"prompt": "x"}'.encode("utf-16"), "not_utf8"),
        ('{"prompt": "x"}'.encode("utf-16-le"), "not_json"),
        (b"null", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"[]", "not_an_object"),
        (b"7", "not_an_object"),
        (b'{"prompt": "x", "guidance_scale": NaN}', "not_finite"),
        (b'{"prompt": "x", "guidance_scale": Infinity}', "not_finite"),
        (b'{"prompt": "x", "guidance_scale": -Infinity}', "not_finite"),
        (b'{"prompt": "x", "guidance_scale": 1e999}', "not_finite"),
        (b'{"prompt": "x", "seed": ' + b"1" * 310 + b"}", "number_too_long"),
        (b'{"prompt": "x", "prompt": "y"}', "duplicate_key"),
        (b'{"prompt": "x", "output": {"format": "png", "format": "webp"}}', "duplicate_key"),
        (b'{"prompt": ' + b"[" * 990 + b"]" * 990 + b"}", "too_deep"),
        (b'{"a":' * 990 + b"1" + b"}" * 990, "too_deep"),
        (b"[" * 1_000_000, "too_many_values"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_many_values"),
        (b'{"prompt": "x", "a": [' + b"[]," * 300_000 + b"[]]}", "too_many_values"),
        (b'{"prompt": "x", "webhook": {"events": ["' + b'a","' * 170_000 + b'a"]}}', "too_many_values"),
        (b'{"prompt": "x", "a": "' + b"\\\\" * 200_000 + b'", "b": [' + b"1," * 1_000 + b"1]}", "too_many_values"),
        (b'"' * 1_000_000, "not_json"),
        (b'"' + b"\\" * 1_000_001, "not_json"),
        (rb'{"prompt": "\ud83d"}', "lone_surrogate"),
        (rb'{"prompt": "x", "\udc00": 1}', "lone_surrogate"),
    ],
)
def test_what_is_not_a_json_object(http: httpx2.Client, body: bytes, code: str) -> None:
    assert pointers(problem(post(http, body), "invalid_request")) == {"": code}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"prompt": None}, {"/prompt": "wrong_type"}),
        ({"prompt": 7}, {"/prompt": "wrong_type"}),
        ({"prompt": "x" * 8001}, {"/prompt": "too_long"}),
        ({"negative_prompt": "x" * 8001}, {"/negative_prompt": "too_long"}),
        ({"steps": 0}, {"/steps": "too_small"}),
        ({"steps": 151}, {"/steps": "too_large"}),
        ({"steps": 20.0}, {"/steps": "wrong_type"}),
        ({"steps": "20"}, {"/steps": "wrong_type"}),
        ({"steps": True}, {"/steps": "wrong_type"}),
        ({"steps": 10**300}, {"/steps": "too_large"}),
        ({"n": 0}, {"/n": "too_small"}),
        ({"n": 17}, {"/n": "too_large"}),
        ({"n": None}, {"/n": "wrong_type"}),
        ({"width": 65}, {"/width": "not_a_multiple"}),
        ({"width": 0}, {"/width": "too_small"}),
        ({"width": -8}, {"/width": "too_small"}),
        ({"height": 2**20}, {"/height": "too_large"}),
        ({"guidance_scale": -0.1}, {"/guidance_scale": "too_small"}),
        ({"guidance_scale": 50.1}, {"/guidance_scale": "too_large"}),
        ({"guidance_scale": "7"}, {"/guidance_scale": "wrong_type"}),
        ({"scheduler": "eulr"}, {"/scheduler": "not_a_choice"}),
        ({"scheduler": 3}, {"/scheduler": "not_a_choice"}),
        ({"seed": -1}, {"/seed": "too_small"}),
        ({"seed": LIMITS.seed + 1}, {"/seed": "too_large"}),
        ({"seed": LIMITS.seed}, {"/seed": "invalid"}),
        ({"priority": 11}, {"/priority": "too_large"}),
        ({"priority": -11}, {"/priority": "too_small"}),
        ({"deadline_seconds": 0.5}, {"/deadline_seconds": "too_small"}),
        ({"deadline_seconds": 604_801}, {"/deadline_seconds": "too_large"}),
        ({"output": []}, {"/output": "wrong_type"}),
        ({"output": None}, {"/output": "wrong_type"}),
        (
            {"output": {"format": "gif", "quality": 0}},
            {"/output/format": "not_a_choice", "/output/quality": "too_small"},
        ),
        ({"output": {"size": 1}}, {"/output/size": "unknown_field"}),
        ({"output": {"resize": 3}}, {"/output/resize": "not_a_choice"}),
        ({"output": {"resize": True}}, {"/output/resize": "invalid"}),
        ({"output": {"embed_recipe": "yes"}}, {"/output/embed_recipe": "wrong_type"}),
        ({"metadata": []}, {"/metadata": "wrong_type"}),
        ({"metadata": {"a": 1}}, {"/metadata/a": "wrong_type"}),
        ({"metadata": {"a/b~c": 1}}, {"/metadata/a~1b~0c": "wrong_type"}),
        ({"metadata": {"a": "x" * 513}}, {"/metadata/a": "too_long"}),
        ({"metadata": {"k" * 513: "x"}}, {"/metadata/" + "k" * 513: "too_long"}),
        ({"metadata": {"k" * 5000: "x"}}, {"/metadata": "too_long"}),
        ({"metadata": {str(i): "" for i in range(17)}}, {"/metadata": "too_many"}),
        ({"promt": "x"}, {"/promt": "unknown_field"}),
        ({"webhook": {"url": "https://example.org"}}, {"/webhook": "webhooks_disabled"}),
        ({"image": "data:,", "strength": 0.5}, {"/image": "unknown_field", "/strength": "unknown_field"}),
        ({"task": None}, {"/task": "not_a_choice"}),
        ({"task": 5}, {"/task": "not_a_choice"}),
        ({"model": 5}, {"/model": "wrong_type"}),
        ({"model": "m" * 201}, {"/model": "too_long"}),
    ],
)
def test_every_wrong_field_is_pointed_at(http: httpx2.Client, fields: dict[str, Any], expected: dict[str, str]) -> None:
    body = json.dumps({"prompt": "x", **fields})
    document = problem(post(http, body), "invalid_request")
    assert pointers(document) == expected
    assert all(error["detail"] for error in document["errors"])


def test_missing_prompt(http: httpx2.Client) -> None:
    assert pointers(problem(post(http, "{}"), "invalid_request")) == {"/prompt": "required"}


def test_sentences_say_what_was_wrong_and_what_to_do(http: httpx2.Client) -> None:
    body = '{"promt": "x", "steps": 0, "n": 2.5, "seed": "7", "mask": "x", "image": "x"}'
    document = problem(post(http, body), "invalid_request")
    assert document["detail"] == "/prompt: This field is required. There are 6 more errors."
    assert [error["detail"] for error in document["errors"]] == [
        "This field is required.",
        "Must be at least 1, not 0.",
        "Must be an integer, not 2.5.",
        'Must be an integer, not "7".',
        "Unknown field. Did you mean prompt?",
        "This task has no such field; these tasks do: inpaint.",
        "This task has no such field; these tasks do: img2img, inpaint, outpaint, variation, depth2img, upscale.",
    ]


def test_numbers_are_not_rounded(http: httpx2.Client) -> None:
    body = {"prompt": "x", "seed": 2**64, "deadline_seconds": 1e6, "guidance_scale": 50.0000001}
    document = problem(post(http, json.dumps(body)), "invalid_request")
    assert {error["pointer"]: error["detail"] for error in document["errors"]} == {
        "/seed": "Must be at most 9007199254740991, not 18446744073709551616.",
        "/deadline_seconds": "Must be at most 604800, not 1000000.0.",
        "/guidance_scale": "Must be at most 50, not 50.0000001.",
    }


def test_a_byte_order_mark_is_ignored(http: httpx2.Client) -> None:
    assert post(http, b'\xef\xbb\xbf{"prompt": "x"}').status_code == 201


def test_text_is_not_counted_as_values(http: httpx2.Client) -> None:
    texts = {"prompt": "[{," * 2_000, "negative_prompt": '",\\"[' * 1_000, "metadata": {'"[,\\': ",[{" * 100}}
    assert post(http, json.dumps(texts)).status_code == 201


def test_many_errors_make_a_short_answer(http: httpx2.Client) -> None:
    response = post(http, json.dumps({f"f{number}": 1 for number in range(990)}))
    assert len(problem(response, "invalid_request")["errors"]) == 20
    assert len(response.content) < 10_000


def test_long_values_are_not_repeated(http: httpx2.Client) -> None:
    response = post(http, json.dumps({"prompt": "x", "scheduler": "s" * 500_000, "k" * 500_000: 1}))
    problem(response, "invalid_request")
    assert len(response.content) < 3_000


@pytest.mark.parametrize(
    ("fields", "code", "expected"),
    [
        ({"model": "shape"}, "model_not_found", {"/model": "model_not_found"}),
        ({"model": ""}, "model_not_found", {"/model": "model_not_found"}),
        ({"task": "upscale"}, "task_not_supported", {"/task": "task_not_supported"}),
        ({"task": "t" * 5000}, "task_not_supported", {"/task": "task_not_supported"}),
        ({"width": 520}, "too_many_pixels", {"/width": "too_large"}),
        ({"width": 1024, "height": 1024}, "too_many_pixels", {"/width": "too_large", "/height": "too_large"}),
    ],
)
def test_what_the_catalog_does_not_have(
    http: httpx2.Client, fields: dict[str, Any], code: str, expected: dict[str, str]
) -> None:
    document = problem(post(http, json.dumps({"prompt": "x", **fields})), code)
    assert pointers(document) == expected


def test_unknown_model_names_the_nearest(http: httpx2.Client) -> None:
    document = problem(post(http, '{"prompt": "x", "model": "shape"}'), "model_not_found")
    assert document["detail"] == 'There is no model "shape". Did you mean shapes?'


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json-patch+json"},
        {"Content-Type": "text/plain; application/json"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip", **JSON},
        {"Content-Encoding": "br, gzip", **JSON},
    ],
)
def test_other_media_types_and_encodings(http: httpx2.Client, headers: dict[str, str]) -> None:
    problem(http.post("/v1/jobs", content=b'{"prompt": "x"}', headers=headers), "unsupported_media_type")


def test_missing_content_type(http: httpx2.Client) -> None:
    problem(http.post("/v1/jobs", content=b'{"prompt": "x"}'), "unsupported_media_type")


def test_body_of_the_largest_size_is_read(http: httpx2.Client) -> None:
    body = b'{"prompt": "x"}'.ljust(LIMITS.body_bytes)
    assert post(http, body).status_code == 201
    problem(post(http, body + b" "), "payload_too_large")


def test_declared_size_is_refused_before_the_body_comes(http: httpx2.Client) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    assert status_of(http, head % (LIMITS.body_bytes + 1)) == 413
    assert status_of(http, head % 10**17) == 413


def test_endless_chunks_are_refused_while_they_come(http: httpx2.Client) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert status_of(http, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17) == 413


def test_client_that_disconnects_amid_its_body_affects_no_other(http: httpx2.Client) -> None:
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 100\r\n\r\n{")
    assert http.get("/healthz").status_code == 200


def status_of(http: httpx2.Client, request: bytes) -> int:
    """Return the status of the response to an incomplete request."""
    with socket.create_connection((http.base_url.host, http.base_url.port), timeout=10) as connection:
        connection.sendall(request)
        return int(connection.recv(65_536).split()[1])
