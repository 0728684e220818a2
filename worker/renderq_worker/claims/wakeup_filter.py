"""Filter between the wake-up lists and Celery: only wake-ups pass, anything else becomes a dead letter.

Anyone who can write to Redis can put a message there. One that kombu or Celery cannot read ends Celery's worker, which
puts it back for the next one.
"""

import base64
import json
import time
from typing import Any
from uuid import uuid4

import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError
from redis.exceptions import RedisError

from renderq_shared.redis.wakeup_queues import DEAD_LETTERS, queue_name
from renderq_shared.wakeups import WAKE_TASK

log = structlog.get_logger(__name__)

MAX_DEAD_LETTERS = 100
"""The newest dead letters that are kept."""

_MAX_BYTES = 64 * 1024
"""Far above the size of a wake-up."""

_EXCERPT_CHARACTERS = 2_000
"""Part of a message that its dead letter keeps."""

_LOG_INTERVAL_S = 10.0


class _Headers(BaseModel):
    task: str


class _Message(BaseModel):
    """The parts of a Celery message that make it a wake-up."""

    headers: _Headers
    body: str
    """Base64 of JSON, see `_BODY`."""


_BODY = TypeAdapter(tuple[tuple[str], dict[str, Any], dict[str, Any]])
"""Arguments, keyword arguments, and what Celery embeds: `[[model], {}, {…}]`."""


class WakeupFilter:
    """Filters what channels of kombu's Redis transport receive."""

    def __init__(self) -> None:
        self._rejected = 0
        self._logged_at = float("-inf")

    def attach(self, channel: Any) -> None:
        """Filter this channel from now on. kombu reads each message by its client's `parse_response`."""
        client, qos = channel.client, channel.qos
        parse_response, restore_by_tag = client.parse_response, qos.restore_by_tag

        def parse_wakeup(connection: Any, command: str, **options: Any) -> Any:
            reply = parse_response(connection, command, **options)
            return self._filtered(channel, *reply) if reply and command == "BRPOP" else reply

        def restore_wakeup(tag: str, *args: Any, **options: Any) -> None:
            """Restore a message that its consumer did not acknowledge."""
            try:
                restore_by_tag(tag, *args, **options)
            except (TypeError, ValueError) as error:
                self._reject(channel, qos.unacked_key, str(tag), str(error))
                qos._remove_from_indices(tag).execute()

        client.parse_response, qos.restore_by_tag = parse_wakeup, restore_wakeup

    def _filtered(self, channel: Any, key: bytes, message: bytes) -> tuple[bytes, bytes] | None:
        """Return the key and a message in whose place no part of the received one is read; `None` rejects it."""
        queue = key.decode(errors="replace").rsplit(channel.sep, 1)[0]
        try:
            model = _read_model(message)
            if queue_name(model) != queue:
                raise ValueError(f"it is for model {model[:80]!r}")
        except ValueError as error:
            self._reject(channel, queue, message[:_EXCERPT_CHARACTERS].decode(errors="replace"), _reason(error))
            return None
        return key, _wakeup(model, queue)

    def _reject(self, channel: Any, queue: str, excerpt: str, reason: str) -> None:
        """Keep the message as a dead letter, and log: one record per interval, with the number since the start."""
        self._rejected += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_INTERVAL_S:
            self._logged_at = now
            log.warning("wakeups.rejected", queue=queue, reason=reason, rejected=self._rejected, kept_in=DEAD_LETTERS)
        letter = json.dumps({"queue": queue, "reason": reason, "at": round(time.time()), "message": excerpt})
        try:
            with channel.conn_or_acquire() as client:
                client.lpush(DEAD_LETTERS, letter)
                client.ltrim(DEAD_LETTERS, 0, MAX_DEAD_LETTERS - 1)
        except RedisError as error:
            log.warning("wakeups.dead_letter_lost", queue=queue, reason=str(error))


def _read_model(message: bytes) -> str:
    """Return the model of a wake-up. Raises `ValueError` for any other message."""
    if len(message) > _MAX_BYTES:
        raise ValueError(f"it has {len(message):,} bytes, more than {_MAX_BYTES:,}")
    parsed = _Message.model_validate_json(message)
    if parsed.headers.task != WAKE_TASK:
        raise ValueError(f"it is for task {parsed.headers.task[:80]!r}")
    (model,), _, _ = _BODY.validate_json(base64.b64decode(parsed.body, validate=True))
    return model


def _wakeup(model: str, queue: str) -> bytes:
    """Return the message that Celery reads."""
    message_id = str(uuid4())
    body = base64.b64encode(json.dumps([[model], {}, {}]).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": WAKE_TASK, "id": message_id, "root_id": message_id},
            "properties": {
                "body_encoding": "base64",
                "correlation_id": message_id,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "delivery_tag": message_id,
            },
        }
    ).encode()


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the message'}: {first['msg']}"
    return str(error)
