"""Keys as the store knows them. Times are milliseconds since the epoch on Redis' clock."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_TENANT = "default"
"""Whose jobs are those that were submitted without a key."""

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_tenant(text: str) -> bool:
    """Whether a tenant may be called so."""
    return _TENANT.fullmatch(text) is not None


class Role(StrEnum):
    """What the holder of a key may do."""

    USER = "user"
    """Submit jobs, and see and end those of its tenant."""
    ADMIN = "admin"
    """Also look after the service. It sees no other tenant's jobs either."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored."""

    id: str
    digest: str = field(repr=False)
    """SHA-256 of the key, in hexadecimal."""
    name: str
    """For people: whose it is, or where it is used."""
    tenant: str = DEFAULT_TENANT
    role: Role = Role.USER
    weight: float = 1.0
    """The tenant's share of a model's time, compared with other tenants'. Of several keys the largest counts."""
    requests_per_minute: int | None = None
    """`None`: as many as it likes."""
    max_queued_jobs: int | None = None
    """Jobs that the tenant may have queued when this key submits one more; `None`: as the settings say."""
    lifetime_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as stored."""

    id: str
    digest: str = field(repr=False)
    name: str
    tenant: str
    role: Role
    weight: float
    requests_per_minute: int | None
    max_queued_jobs: int | None
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None
    """About when it was used last, within a minute or two."""

    def is_live(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


@dataclass(frozen=True, slots=True)
class KeyList:
    """All keys at one moment, revoked ones too: what was logged under an id should stay explainable."""

    version: str | None
    """Another one after every change; `None` while there has never been a key."""
    now_ms: int
    keys: tuple[KeyRecord, ...] | None
    """By creation; `None` if they are still those of the version that the caller knows."""

    @property
    def any_live(self) -> bool:
        return any(key.is_live(self.now_ms) for key in self.keys or ())
