"""Verification of received webhooks."""

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, cast

from pydantic import ValidationError

from renderq.contract import WebhookEvent
from renderq.contract.webhook_signature import parse_secret, sign
from renderq.errors import WebhookInvalid

__all__ = ["verify"]

_TOLERANCE_S = 300
"""Largest difference between `webhook-timestamp` and now: prevents the replay of recorded messages."""

_WSGI_PREFIX = "http_"


class HeaderItems(Protocol):
    """What the header objects of web frameworks have in common."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


WebhookHeaders: TypeAlias = Mapping[str, Any] | HeaderItems | Iterable[tuple[str | bytes, str | bytes]]
"""Headers as frameworks pass them on: a mapping or a headers object, a WSGI environ, or pairs as in an ASGI scope.
Names in any case; names and values may be bytes, a value may be a list of values."""


def verify(headers: WebhookHeaders, body: bytes | bytearray | memoryview | str, secret: str | bytes) -> WebhookEvent:
    """Verify the signature of a webhook and return its event.

    `body`: what arrived, before any parsing; text is encoded as UTF-8. `secret`: `whsec_…`; whitespace around it is
    ignored, such as the line break at the end of a mounted file.

    Raises `WebhookInvalid` (respond with 400), `ValueError` for a malformed secret, and `TypeError` for arguments of
    other types. An event may be delivered more than once: process each `webhook-id` once.
    """
    key = parse_secret(_text(secret, "secret"))
    data = _data(body)
    values = _webhook_headers(headers)
    webhook_id, timestamp, signatures = (values.get(name, "") for name in ("id", "timestamp", "signature"))
    is_ascii = webhook_id.isascii() and timestamp.isascii() and signatures.isascii()
    if not webhook_id or not signatures or not is_ascii or not (timestamp.isdigit() and len(timestamp) < 16):
        raise WebhookInvalid("the headers webhook-id, webhook-timestamp and webhook-signature are missing or malformed")
    if abs(time.time() - int(timestamp)) > _TOLERANCE_S:
        raise WebhookInvalid(
            f"its timestamp differs from this machine's clock by more than {_TOLERANCE_S} s; check the clock"
        )
    expected = sign(key, webhook_id, int(timestamp), data).encode()
    matches = [hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")]
    if not any(matches):
        raise WebhookInvalid("no signature matches this secret and body")
    try:
        return WebhookEvent.model_validate_json(data)
    except ValidationError as error:
        raise WebhookInvalid("the signature is valid, but the body is not an event that this version knows") from error


def _webhook_headers(headers: WebhookHeaders) -> dict[str, str]:
    """Return the headers `webhook-…` by the rest of their names, in lower case."""
    return {
        name.removeprefix("webhook-"): _value(value) for name, value in _pairs(headers) if name.startswith("webhook-")
    }


def _pairs(headers: object) -> Iterator[tuple[str, object]]:
    """Yield names in lower case, also of a WSGI environ, and values."""
    items = getattr(headers, "items", None)
    try:
        for name, value in cast(Iterable[tuple[object, object]], items() if callable(items) else headers):
            lowercase = _value(name).lower()
            if lowercase.startswith(_WSGI_PREFIX):
                lowercase = lowercase.removeprefix(_WSGI_PREFIX).replace("_", "-")
            yield lowercase, value
    except (TypeError, ValueError):
        raise TypeError(
            f"headers must be a mapping, a headers object or (name, value) pairs, not {type(headers).__name__}"
        ) from None


def _value(value: object) -> str:
    """Return a header's name or value as text, a list of values as one; empty if it is neither."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return " ".join(_value(each) for each in cast(Iterable[object], value))
    return value if isinstance(value, str) else ""


def _text(value: object, name: str) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} must be text, not {type(value).__name__}")


def _data(body: object) -> bytes:
    """Return the bytes of a body. Raises `TypeError`, and `WebhookInvalid` for text that UTF-8 cannot encode."""
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise WebhookInvalid("the body is not UTF-8 text; pass the bytes that arrived") from None
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"body must be the bytes that arrived, before any parsing, not {type(body).__name__}")
