"""Admission of visitors, and what they may do."""

import hashlib
import hmac
from ipaddress import IPv6Address, IPv6Network

from renderq.contract import VisitorLimits
from renderq_api.http.forwarded_headers import parse_address
from renderq_shared.access import (
    Admission,
    AdmissionLimits,
    ApiKey,
    AsyncKeyStore,
    KeyRecord,
    NewKey,
    Role,
    new_key,
    visitor_tenant,
)
from renderq_shared.jobs import VisitorQuota
from renderq_shared.settings import ApiSettings

WEIGHT = 0.01
"""Share of each visitor: the smallest one that a key can have, so that a tenant with a key goes first."""

_QUEUED_JOBS = 1

_OPEN_JOBS = 2
"""One that waits, and one that runs; both run if there is room for the second one as well."""

_NETWORK_BITS = 64
"""Prefix of an IPv6 address that one subscriber has."""


class Visitors:
    """Visitors of one API process."""

    def __init__(self, store: AsyncKeyStore, settings: ApiSettings, secret: bytes) -> None:
        """`secret`: that of the service, equal for all API processes."""
        self._store = store
        self._settings = settings
        self._signing_key = hmac.digest(secret, b"renderq visitors", hashlib.sha256)

    @property
    def is_enabled(self) -> bool:
        return self._settings.visitors == "on"

    @property
    def limits(self) -> VisitorLimits:
        """What a visitor may do, as clients see it."""
        settings = self._settings
        return VisitorLimits(
            open_jobs=_OPEN_JOBS, images=settings.visitors_images, jobs_per_day=settings.visitors_jobs_per_address
        )

    async def admit(self, address: str | None) -> tuple[ApiKey, Admission]:
        """Create a key for the client at an IP address; `None`: unknown. Raises `StoreUnavailable`."""
        settings, key = self._settings, new_key()
        new = NewKey(
            id=key.id,
            digest=key.digest,
            name="visitor",
            tenant=visitor_tenant(key.id),
            role=Role.VISITOR,
            weight=WEIGHT,
            requests_per_minute=settings.visitors_requests_per_minute,
            max_queued_jobs=_QUEUED_JOBS,
            lifetime_ms=settings.visitors_seconds * 1000,
        )
        limits = AdmissionLimits(settings.visitors_keys_per_address, settings.visitors_max)
        return key, await self._store.admit_visitor(new, self._client(address), limits)

    def quota(self, key: KeyRecord) -> VisitorQuota:
        """Return the limits of submissions with a visitor's key."""
        return VisitorQuota(
            address=key.address or "",
            jobs_per_address=self._settings.visitors_jobs_per_address,
            open_jobs=_OPEN_JOBS,
            total_open_jobs=self._settings.visitors_open_jobs,
            expires_ms=key.expires_ms or 0,
        )

    def _client(self, address: str | None) -> str:
        """Return what stands for a client: a digest that cannot be computed without the service's secret."""
        ip = parse_address(address or "")
        if isinstance(ip, IPv6Address):
            ip = IPv6Network((ip, _NETWORK_BITS), strict=False)
        return hmac.digest(self._signing_key, str(ip).encode(), hashlib.sha256).hex()
