"""SSRF protection: requests to client-supplied URLs reach only public addresses and those the operator allows."""

from renderq_api.egress.address_policy import Address, EgressDenied, check_allowed
from renderq_api.egress.resolver import Resolver
from renderq_api.egress.transport import GuardedTransport

__all__ = [
    "Address",
    "EgressDenied",
    "GuardedTransport",
    "Resolver",
    "check_allowed",
]
