"""Worker routes: list live workers."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from renderq.contract import Worker, WorkerList
from renderq_api.auth import admin_only
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.document import problems
from renderq_api.services import ServicesDep
from renderq_shared.jobs import WorkerRecord, commands

router = APIRouter(
    prefix="/v1/workers", tags=["workers"], dependencies=[Depends(require_no_query), Depends(admin_only)]
)


@router.get("", response_model=WorkerList, summary="List live workers (admin)", responses=problems())
async def list_workers(services: ServicesDep) -> Response:
    return json_response(
        WorkerList(data=tuple(_worker(record) for record in await services.jobs.call(commands.workers())))
    )


def _worker(record: WorkerRecord) -> Worker:
    return Worker(
        id=record.id,
        device=record.device,
        models=record.models,
        resident_models=record.resident_models,
        jobs=record.jobs,
        draining=record.draining,
        started_at=timestamp(record.started_ms),
        seen_at=timestamp(record.seen_ms),
    )
