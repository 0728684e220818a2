"""Authentication: API keys, callers, event tokens, signed URLs of files, secrets, rate limits, the loopback check."""

from renderq_api.auth.basic_credentials import basic_key, cross_site_refusal, is_basic
from renderq_api.auth.caller import KEYLESS, Caller, CallerDep, TenantDep, admin_only, no_visitors
from renderq_api.auth.event_tokens import EventTokens, token_key_id
from renderq_api.auth.file_signer import FileSigner
from renderq_api.auth.key_ring import KeyRing
from renderq_api.auth.loopback import is_loopback, loopback_refusal
from renderq_api.auth.rate_limits import RateLimits, RateLimitState
from renderq_api.auth.secrets import compare_secrets, load_secrets

__all__ = [
    "KEYLESS",
    "Caller",
    "CallerDep",
    "EventTokens",
    "FileSigner",
    "KeyRing",
    "RateLimitState",
    "RateLimits",
    "TenantDep",
    "admin_only",
    "basic_key",
    "compare_secrets",
    "cross_site_refusal",
    "is_basic",
    "is_loopback",
    "load_secrets",
    "loopback_refusal",
    "no_visitors",
    "token_key_id",
]
