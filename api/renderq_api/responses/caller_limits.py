"""Limits of a caller as clients see them."""

from renderq.contract import CallerLimits
from renderq_api.auth import Caller
from renderq_api.services import Services


def caller_limits(services: Services, caller: Caller) -> CallerLimits:
    return CallerLimits(
        queued_jobs=services.queue_limits(caller).per_tenant,
        requests_per_minute=caller.key and caller.key.requests_per_minute,
        visitor=services.visitors.limits if caller.is_visitor else None,
    )
