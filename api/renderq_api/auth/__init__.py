"""Authentication: API keys, callers, event tokens, rate limits, the loopback check."""

from renderq_api.auth.caller import KEYLESS, Caller, CallerDep, TenantDep, admin_only
from renderq_api.auth.event_tokens import event_token, token_key_id, verify_event_token
from renderq_api.auth.key_ring import KeyRing
from renderq_api.auth.loopback import is_loopback, loopback_refusal
from renderq_api.auth.rate_limits import RateLimits, RateLimitState

__all__ = [
    "KEYLESS",
    "Caller",
    "CallerDep",
    "KeyRing",
    "RateLimitState",
    "RateLimits",
    "TenantDep",
    "admin_only",
    "event_token",
    "is_loopback",
    "loopback_refusal",
    "token_key_id",
    "verify_event_token",
]
