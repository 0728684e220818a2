"""Records of API keys. Times are milliseconds since the epoch by the server's clock."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_TENANT = "default"
"""Tenant of jobs submitted without a key."""

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_tenant(text: str) -> bool:
    """Return whether this is a valid tenant name."""
    return _TENANT.fullmatch(text) is not None


class Role(StrEnum):
    """Permissions of a key."""

    USER = "user"
    """Submit jobs; read, cancel and delete those of its tenant."""
    ADMIN = "admin"
    """Also operate the service. Sees no other tenants' jobs either."""
    VISITOR = "visitor"
    """Try the service within narrow limits, without an account."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored."""

    id: str
    digest: str = field(repr=False)
    """SHA-256 of the key, in hexadecimal."""
    name: str
    """Description for people, such as the owner or the place of use."""
    tenant: str = DEFAULT_TENANT
    role: Role = Role.USER
    weight: float = 1.0
    """The tenant's relative share of a model's device time. Of several keys the largest weight counts."""
    requests_per_minute: int | None = None
    """`None`: unlimited."""
    max_queued_jobs: int | None = None
    """Limit of the tenant's queued jobs for submissions with this key. `None`: the limit of the settings."""
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
    """Time of the last use, accurate to one or two minutes."""
    address: str | None = None
    """Of a visitor: pseudonym of the address that asked for the key, another one each day."""

    def is_live(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


@dataclass(frozen=True, slots=True)
class KeyList:
    """Snapshot of all keys, including revoked ones, so that ids in old logs can be resolved."""

    version: str | None
    """Changes with every change of a key; `None` if no key was ever created."""
    now_ms: int
    keys: tuple[KeyRecord, ...] | None
    """Sorted by creation; `None` if the caller knows this version."""

    @property
    def any_live(self) -> bool:
        return any(key.is_live(self.now_ms) for key in self.keys or ())


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Limits of the admission of visitors."""

    keys_per_address: int
    """Maximum number of keys of an address on one day (UTC)."""
    places: int
    """Maximum number of visitors that have not expired."""


class AdmissionOutcome(StrEnum):
    """Outcome of a visitor's request for a key."""

    ADMITTED = "admitted"
    ADDRESS_LIMIT_REACHED = "address_limit_reached"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Admission:
    """Result of a visitor's request for a key."""

    outcome: AdmissionOutcome
    wait_ms: int
    """Time until another try may succeed."""
    key: KeyRecord | None


def visitor_tenant(key_id: str) -> str:
    """Return the tenant of a visitor's key, which no other key has."""
    return f"visitor-{key_id.removeprefix('rq_')}"
