"""Caller route: tenant, role, key and limits."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import CallerKey, Me
from renderq.version import version
from renderq_api.auth import Caller, CallerDep
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import problems
from renderq_api.responses.caller_limits import caller_limits
from renderq_api.services import Services, ServicesDep
from renderq_shared.access import KeyRecord

router = APIRouter(prefix="/v1/me", tags=["access"], dependencies=[Depends(require_no_query)])


@router.get("", response_model=Me, summary="Get the caller's tenant, role, key and limits", responses=problems())
async def get_me(services: ServicesDep, caller: CallerDep) -> Response:
    settings = services.settings
    return json_response(
        Me(
            tenant=caller.tenant,
            role=caller.role,
            key=caller.key and _key(caller.key),
            limits=caller_limits(services, caller),
            version=version(),
            image_delivery=settings.image_delivery,
            retention_seconds=_retention_s(services, caller),
            visitor=caller.is_visitor,
        )
    )


def _retention_s(services: Services, caller: Caller) -> int | None:
    """Return the time for which images are kept; those of a visitor no longer than its key lives."""
    limits = [services.settings.output_retention_seconds] if services.settings.output_retention_seconds else []
    if caller.is_visitor and caller.key and caller.key.expires_ms is not None:
        limits.append(max(0, (caller.key.expires_ms - services.keys.now_ms()) // 1000))
    return min(limits, default=None)


def _key(key: KeyRecord) -> CallerKey:
    expires_at = None if key.expires_ms is None else timestamp(key.expires_ms)
    return CallerKey(id=key.id, name=key.name, expires_at=expires_at)
