"""`webhooks.verify` accepts what Standard Webhooks specifies, and nothing else."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from wsgiref.headers import Headers as WsgiHeaders

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from starlette.datastructures import Headers as StarletteHeaders

from renderq import WebhookInvalid, webhooks
from renderq.contract.webhook_signature import parse_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
JOB = {
    "id": "job_1",
    "task": "txt2img",
    "model": "shapes",
    "status": "succeeded",
    "version": 3,
    "created_at": "2026-01-31T12:00:00.000Z",
    "progress": {"value": 1.0, "step": 20, "steps": 20, "images_done": 1, "images_total": 1},
    "metrics": {},
    "attempt": 1,
    "max_attempts": 3,
    "request": {"prompt": "x"},
    "urls": {"self": "http://h/v1/jobs/job_1", "cancel": "http://h/v1/jobs/job_1/cancel", "events": "http://h/e"},
}
BODY = json.dumps({"type": "job.succeeded", "timestamp": "2026-01-31T12:00:01.000Z", "data": JOB}).encode()


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """Headers signed by an independent implementation."""
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    return {"Webhook-Id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "WEBHOOK-SIGNATURE": signature}


def test_the_published_vector() -> None:
    made = sign(parse_secret(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_takes_what_an_independent_implementation_signs() -> None:
    event = webhooks.verify(signed(), BODY, SECRET)
    assert (event.type, event.data.id) == ("job.succeeded", "job_1")


def test_takes_one_right_signature_among_several() -> None:
    headers = signed()
    headers["WEBHOOK-SIGNATURE"] = f"v1a,xyz {signed(secret=OTHER)['WEBHOOK-SIGNATURE']} {headers['WEBHOOK-SIGNATURE']}"
    assert webhooks.verify(headers, BODY, SECRET).type == "job.succeeded"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_refuses_what_was_sent_at_another_time(minutes: int) -> None:
    headers = signed(at=datetime.now(UTC) + timedelta(minutes=minutes))
    with pytest.raises(WebhookInvalid, match="300 s"):
        webhooks.verify(headers, BODY, SECRET)


def test_refuses_another_body_another_id_and_another_secret() -> None:
    for headers, body in (
        (signed(), BODY + b" "),
        (signed() | {"Webhook-Id": "msg_2"}, BODY),
        (signed(secret=OTHER), BODY),
    ):
        with pytest.raises(WebhookInvalid, match="no signature"):
            webhooks.verify(headers, body, SECRET)


@pytest.mark.parametrize("name", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
def test_refuses_missing_headers(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(WebhookInvalid, match="missing or malformed"):
        webhooks.verify(headers, BODY, SECRET)


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), texts), st.binary())
def test_arbitrary_headers_and_bodies_are_invalid(headers: dict[str, str], body: bytes) -> None:
    now = str(int(time.time()))
    for sent in (headers, {"webhook-timestamp": now, **headers}, {**headers, "webhook-timestamp": now}):
        with pytest.raises(WebhookInvalid):
            webhooks.verify(sent, body, SECRET)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"type": "job.eaten"}', BODY[:-1]])
def test_a_body_that_is_rightly_signed_and_no_event_is_invalid(body: bytes) -> None:
    now = int(time.time())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = sign(parse_secret(SECRET), "msg_1", now, body)
    with pytest.raises(WebhookInvalid, match="the signature is valid"):
        webhooks.verify(headers, body, SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", SECRET.removeprefix("whsec_")])
def test_a_malformed_secret_is_an_error(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and 24 to 64 random bytes"):
        webhooks.verify(signed(), BODY, secret)


def message(headers: dict[str, str]) -> Message:
    """Headers as `http.server` and `email` have them."""
    made = Message()
    for name, value in headers.items():
        made[name] = value
    return made


FORMS: dict[str, Callable[[dict[str, str]], Any]] = {
    "pairs": lambda headers: list(headers.items()),
    "iterator of pairs": lambda headers: iter(headers.items()),
    "ASGI scope": lambda headers: [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    "bytes": lambda headers: {name.encode(): value.encode() for name, value in headers.items()},
    "API gateway": lambda headers: {name: [value] for name, value in headers.items()},
    "WSGI environ": lambda headers: {
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        "wsgi.version": (1, 0),
        "wsgi.errors": None,
    },
    "email message": message,
    "wsgiref": lambda headers: WsgiHeaders(list(headers.items())),
    "starlette": StarletteHeaders,
}


@pytest.mark.parametrize("form", FORMS)
def test_takes_headers_as_frameworks_pass_them_on(form: str) -> None:
    assert webhooks.verify(FORMS[form](signed()), BODY, SECRET).type == "job.succeeded"
    with pytest.raises(WebhookInvalid, match="no signature"):
        webhooks.verify(FORMS[form](signed(secret=OTHER)), BODY, SECRET)
    with pytest.raises(WebhookInvalid, match="missing or malformed"):
        webhooks.verify(FORMS[form]({"Webhook-Id": "msg_1"}), BODY, SECRET)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, bytes.decode])
def test_takes_bodies_as_frameworks_pass_them_on(form: Callable[[bytes], Any]) -> None:
    assert webhooks.verify(signed(), form(BODY), SECRET).data.id == "job_1"
    with pytest.raises(WebhookInvalid, match="no signature"):
        webhooks.verify(signed(), form(BODY + b" "), SECRET)


@pytest.mark.parametrize("secret", [SECRET + "\n", f" {SECRET}\r\n", SECRET.encode(), SECRET.rstrip("=")])
def test_takes_secrets_as_files_hold_them(secret: str | bytes) -> None:
    assert webhooks.verify(signed(), BODY, secret).type == "job.succeeded"


@pytest.mark.parametrize("value", [None, 17, [], [None], {}, "", object()])
def test_a_header_without_text_is_missing(value: object) -> None:
    with pytest.raises(WebhookInvalid, match="missing or malformed"):
        webhooks.verify(signed() | {"Webhook-Id": value}, BODY, SECRET)


@pytest.mark.parametrize("body", ["\udcff", "{", b"\x00", "", bytearray()])
def test_a_body_that_cannot_be_read_is_invalid(body: Any) -> None:
    with pytest.raises(WebhookInvalid):
        webhooks.verify(signed(), body, SECRET)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((None, BODY, SECRET), "headers"),
        ((17, BODY, SECRET), "headers"),
        (("webhook-id: msg_1", BODY, SECRET), "headers"),
        (([1, 2, 3], BODY, SECRET), "headers"),
        (({}, json.loads(BODY), SECRET), "body"),
        (({}, None, SECRET), "body"),
        (({}, BODY, None), "secret"),
        (({}, BODY, 17), "secret"),
    ],
)
def test_arguments_of_other_types_are_named(arguments: tuple[Any, Any, Any], name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be "):
        webhooks.verify(*arguments)
