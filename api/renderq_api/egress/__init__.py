"""Requests to addresses that clients chose: they reach the public internet, and what the operator allows besides."""

from renderq_api.egress.addresses import Address, AllowedNetworks, EgressDenied, check_allowed
from renderq_api.egress.resolver import Resolver
from renderq_api.egress.transport import GuardedTransport

__all__ = ["Address", "AllowedNetworks", "EgressDenied", "GuardedTransport", "Resolver", "check_allowed"]
