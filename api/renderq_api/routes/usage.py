"""Usage and failure routes."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from renderq.contract import FailureCount, FailureList, ProblemKind, UsageDay, UsageList
from renderq_api.auth import Caller, CallerDep, admin_only
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.query import require_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import problems
from renderq_api.services import ServicesDep
from renderq_shared.access import Role
from renderq_shared.history import UsageDay as StoredUsageDay

router = APIRouter(prefix="/v1", tags=["usage"])

_DAYS = 31
"""Days that are returned without `since`."""

_FAILURE_DAYS = 7

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@router.get(
    "/usage",
    response_model=UsageList,
    summary="Get usage by day",
    description="A job counts on the day (UTC) of its end, from a second afterward on, and still when it is deleted.",
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problems(ProblemKind.HISTORY_UNAVAILABLE),
    },
    dependencies=[Depends(require_query("since", "until", "tenant", "format"))],
)
async def get_usage(
    services: ServicesDep,
    caller: CallerDep,
    since: Annotated[str | None, Query(description="First day, such as 2026-01-31; default: 30 days ago.")] = None,
    until: Annotated[str | None, Query(description="Last day; default: today.")] = None,
    tenant: Annotated[
        str | None, Query(description="Another tenant, or `*` for all; needs the role admin. Default: your own.")
    ] = None,
    format: Annotated[Literal["json", "csv"], Query(description="Format of the response.")] = "json",
) -> Response:
    last = _day("until", until) or datetime.now(UTC).date()
    first = _day("since", since) or date.fromordinal(max(1, last.toordinal() - _DAYS + 1))
    days = await services.history.usage(_scope(caller, tenant), first, last)
    usage = UsageList(data=tuple(map(_usage_day, days)))
    return json_response(usage) if format == "json" else _csv_response(usage)


@router.get(
    "/failures",
    response_model=FailureList,
    summary="Count failed jobs by error code, model and worker (admin)",
    description="Of all tenants, without prompts.",
    responses=problems(ProblemKind.HISTORY_UNAVAILABLE),
    dependencies=[Depends(require_query("since")), Depends(admin_only)],
)
async def get_failures(
    services: ServicesDep,
    since: Annotated[str | None, Query(description="First day, such as 2026-01-31; default: 6 days ago.")] = None,
) -> Response:
    first = _day("since", since) or datetime.now(UTC).date() - timedelta(days=_FAILURE_DAYS - 1)
    since_ms = round(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    failures = await services.history.failures(since_ms)
    counts = tuple(
        FailureCount(
            error_code=each.error_code,
            model=each.model,
            worker=each.worker,
            jobs=each.jobs,
            last_at=timestamp(each.last_ms),
        )
        for each in failures
    )
    return json_response(FailureList(data=counts))


def _scope(caller: Caller, tenant: str | None) -> str | None:
    """Return the tenant to show, `None` for all. Raises `ApiProblem` for one that is not the caller's."""
    if tenant is None or tenant == caller.tenant:
        return caller.tenant
    if caller.role is not Role.ADMIN:
        raise ApiProblem(ProblemKind.FORBIDDEN, "Usage of other tenants needs an API key with the role admin.")
    return None if tenant == "*" else tenant


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(f"The query parameter {name} must be a day such as 2026-01-31.") from None


def _usage_day(day: StoredUsageDay) -> UsageDay:
    return UsageDay(
        tenant=day.tenant,
        day=day.day,
        jobs=day.jobs,
        images=day.images,
        pixels=day.pixels,
        steps=day.steps,
        device_seconds=day.device_ms / 1000,
        bytes=day.bytes,
    )


def _csv_response(usage: UsageList) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(UsageDay.model_fields), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(day.model_dump(mode="json") for day in usage.data)
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
