"""Secrets are compared in constant time."""

import hmac
from collections.abc import Callable

import pytest

from renderq import WebhookInvalid, webhooks
from renderq_api.auth.event_tokens import EventTokens
from renderq_shared.access import KeyRecord, new_key
from renderq_shared.objects.signed_paths import is_signed


def a_files_signature() -> None:
    assert not is_signed(b"s" * 32, "jobs/x/y/0.png", 1, "x")


def an_api_key() -> None:
    assert not new_key().matches("0" * 64)


def a_streams_token() -> None:
    key = new_key()
    record = KeyRecord(**{**dict.fromkeys(KeyRecord.__dataclass_fields__), "id": key.id, "digest": key.digest})
    tokens = EventTokens([b"s" * 32])
    assert tokens.verify(tokens.sign(record, "job_1", 0), record, "job_1", 0)


def a_webhooks_signature() -> None:
    headers = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    with pytest.raises(WebhookInvalid):
        webhooks.verify(headers, b"{}", "whsec_" + "A" * 32)


@pytest.mark.parametrize("check", [a_files_signature, an_api_key, a_streams_token, a_webhooks_signature])
def test_secrets_are_compared_by_compare_digest(check: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    constant_time = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append(one)
        return constant_time(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    monkeypatch.setattr("time.time", lambda: 1.0)
    check()
    assert len(compared) == 1
