"""API keys: format, store, and the command `renderq keys`."""

from renderq_shared.access.key_format import ApiKey, is_key_id, new_key, parse_key
from renderq_shared.access.key_store import AsyncKeyStore, KeyStore
from renderq_shared.access.records import (
    DEFAULT_TENANT,
    Admission,
    AdmissionLimits,
    AdmissionOutcome,
    KeyList,
    KeyRecord,
    NewKey,
    Role,
    is_tenant,
    visitor_tenant,
)

__all__ = [
    "DEFAULT_TENANT",
    "Admission",
    "AdmissionLimits",
    "AdmissionOutcome",
    "ApiKey",
    "AsyncKeyStore",
    "KeyList",
    "KeyRecord",
    "KeyStore",
    "NewKey",
    "Role",
    "is_key_id",
    "is_tenant",
    "new_key",
    "parse_key",
    "visitor_tenant",
]
