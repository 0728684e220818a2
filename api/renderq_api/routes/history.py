"""Look back: list jobs."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import JobList, ProblemKind
from renderq_api.answers import answer
from renderq_api.listing import LIST_PARAMETERS, cursor, wanted
from renderq_api.openapi import problems
from renderq_api.representing import Links, represent
from renderq_api.services import Serving
from renderq_api.tenants import Tenant

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_SCAN = 500
"""Jobs that one call looks at; it keeps Redis for about two milliseconds."""


@router.get(
    "",
    response_model=JobList,
    summary="List your jobs, newest first",
    description="Follow `next_cursor` until it is null: a page may be short, even empty, where few jobs fit the "
    "filters. Jobs that are submitted meanwhile are not shown; no job is shown twice. The place in the queue is told "
    "by `GET /v1/jobs/{id}` alone.",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE),
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "schema": schema, "description": text}
            for name, (schema, text) in LIST_PARAMETERS.items()
        ]
    },
)
async def jobs(request: Request, services: Serving, tenant: Tenant) -> Response:
    asked = wanted(request.query_params.multi_items())
    page = await services.jobs.page(tenant, asked.filter, asked.limit, _SCAN, asked.after)
    links = Links(str(request.base_url))

    def listed() -> JobList:
        return JobList(
            data=tuple(represent(record, None, links, services.sign) for record in page.records),
            next_cursor=cursor(page.last, asked.filter) if page.last else None,
        )

    return answer(await asyncio.to_thread(listed))
