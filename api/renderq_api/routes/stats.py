"""Stats routes: load of the service, now and in the last day."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import LoadHistory, LoadMinute, Stats
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.job_views.stats_view import to_stats
from renderq_api.openapi.responses import problems
from renderq_api.services import ServicesDep
from renderq_shared.jobs import LoadMinute as MinuteRecord
from renderq_shared.jobs import commands

router = APIRouter(prefix="/v1/stats", tags=["workers"], dependencies=[Depends(require_no_query)])


@router.get("", response_model=Stats, summary="Get queue lengths, waiting times and workers", responses=problems())
async def get_stats(services: ServicesDep) -> Response:
    return json_response(to_stats(await services.jobs.call(commands.stats()), services.catalog.names))


@router.get(
    "/history",
    response_model=LoadHistory,
    summary="Get the load of the last day by minutes",
    description="Minutes of the last 24 hours in which there were jobs, oldest first; the last one is the current "
    "minute. While no API process runs, nothing is measured; jobs that end meanwhile count in the minute before.",
    responses=problems(),
)
async def get_load_history(services: ServicesDep) -> Response:
    minutes = await services.jobs.call(commands.load_minutes())
    return json_response(LoadHistory(data=tuple(_minute(each) for each in minutes)))


def _minute(minute: MinuteRecord) -> LoadMinute:
    return LoadMinute(
        started_at=timestamp(minute.started_ms),
        queued_jobs=minute.queued,
        running_jobs=minute.running,
        succeeded_jobs=minute.succeeded,
        failed_jobs=minute.failed,
        canceled_jobs=minute.canceled,
        expired_jobs=minute.expired,
    )
