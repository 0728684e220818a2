"""Requests to addresses that clients chose: they reach the public internet, and what the operator allows besides."""

from renderq_api.outgoing.addresses import Address, Allowed, OutgoingRefused, require_allowed
from renderq_api.outgoing.names import NameLookup
from renderq_api.outgoing.transport import GuardedTransport

__all__ = ["Address", "Allowed", "GuardedTransport", "NameLookup", "OutgoingRefused", "require_allowed"]
