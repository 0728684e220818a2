"""Script calls of the key stores: parameters → arguments, reply → records. Each calls the script with its name."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from renderq_shared.access.records import (
    Admission,
    AdmissionLimits,
    AdmissionOutcome,
    KeyList,
    KeyRecord,
    NewKey,
    Role,
)
from renderq_shared.redis.records import decode_each
from renderq_shared.redis.scripts import (
    Argument,
    ScriptCall,
    decode_nothing,
    flat_to_dict,
    load_script,
    optional_int,
)

_load = partial(load_script, "renderq_shared.access")


def create(key: NewKey) -> ScriptCall[KeyRecord | None]:
    return ScriptCall(_load("create"), (*_identity(key), *_fields(key)), _optional_key)


def admit_visitor(key: NewKey, client: str, salt: str, limits: AdmissionLimits) -> ScriptCall[Admission]:
    def decode(reply: list[Any]) -> Admission:
        return Admission(AdmissionOutcome(reply[0]), int(reply[1]), _optional_key(reply[2]))

    arguments = (*_identity(key), client, salt, limits.keys_per_address, limits.places, *_fields(key))
    return ScriptCall(_load("admit_visitor"), arguments, decode)


def expired_visitors(limit: int) -> ScriptCall[tuple[str, ...]]:
    return ScriptCall(_load("expired_visitors"), (limit,), tuple)


def remove_visitors(key_ids: Sequence[str]) -> ScriptCall[None]:
    return ScriptCall(_load("remove_visitors"), tuple(key_ids), decode_nothing)


def revoke(key_id: str) -> ScriptCall[KeyRecord | None]:
    return ScriptCall(_load("revoke"), (key_id,), _optional_key)


def read(known: str | None) -> ScriptCall[KeyList]:
    def decode(reply: list[Any]) -> KeyList:
        keys = decode_each(reply[2], _key) if len(reply) > 2 else None
        return KeyList(reply[1] or None, int(reply[0]), keys)

    return ScriptCall(_load("read"), (known or "",), decode)


def record_use(key_ids: Sequence[str]) -> ScriptCall[None]:
    return ScriptCall(_load("record_use"), tuple(key_ids), decode_nothing)


def reset() -> ScriptCall[None]:
    return ScriptCall(_load("reset"), (), decode_nothing)


def _identity(key: NewKey) -> tuple[Argument, ...]:
    return (key.id, key.digest, "" if key.lifetime_ms is None else key.lifetime_ms)


def _fields(key: NewKey) -> tuple[Argument, ...]:
    fields = {
        "name": key.name,
        "tenant": key.tenant,
        "role": key.role.value,
        "weight": key.weight,
        "requests_per_minute": key.requests_per_minute,
        "max_queued_jobs": key.max_queued_jobs,
    }
    return tuple(text for name, value in fields.items() if value is not None for text in (name, value))


def _key(flat: Sequence[str]) -> KeyRecord:
    fields = flat_to_dict(flat)
    return KeyRecord(
        id=fields["id"],
        digest=fields["digest"],
        name=fields["name"],
        tenant=fields["tenant"],
        role=Role(fields["role"]),
        weight=float(fields["weight"]),
        requests_per_minute=optional_int(fields.get("requests_per_minute")),
        max_queued_jobs=optional_int(fields.get("max_queued_jobs")),
        created_ms=int(fields["created_ms"]),
        expires_ms=optional_int(fields.get("expires_ms")),
        revoked_ms=optional_int(fields.get("revoked_ms")),
        used_ms=optional_int(fields.get("used_ms")),
        address=fields.get("address"),
    )


def _optional_key(flat: Sequence[str]) -> KeyRecord | None:
    return _key(flat) if flat else None
