"""Requests to addresses that clients chose: they reach the public internet, and what the operator allows besides."""

from renderq_api.outgoing.addresses import Address, Allowed, OutgoingRefused, require_allowed
from renderq_api.outgoing.transport import GuardedTransport, resolve_name

__all__ = ["Address", "Allowed", "GuardedTransport", "OutgoingRefused", "require_allowed", "resolve_name"]
