"""Worker routes: list live workers, drain one."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind, Worker, WorkerList
from renderq_api.auth import admin_only
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import not_found
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
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


@router.post(
    "/{id}/drain",
    response_model=Worker,
    summary="Drain a worker (admin)",
    description="From now on the worker claims no jobs. It finishes those that it has, however long they take, and "
    "then ends as after SIGTERM, with exit code 0. A worker that starts again, also under the same name, is not "
    "drained. Idempotent.",
    responses=problems(ProblemKind.NOT_FOUND, *BODY_PROBLEMS),
)
async def drain_worker(id: str, request: Request, services: ServicesDep) -> Response:
    await require_no_fields(request)
    record = await services.jobs.call(commands.drain_worker(id))
    if record is None:
        live = ", ".join([each.id for each in await services.jobs.call(commands.workers())][:20])
        raise not_found(f"Worker not found. Live workers: {live or 'none'}.")
    return json_response(_worker(record))


def _worker(record: WorkerRecord) -> Worker:
    return Worker(
        id=record.id,
        device=record.device,
        models=record.models,
        resident_models=record.resident_models,
        resident_loras=dict(record.resident_loras),
        jobs=record.jobs,
        draining=record.draining,
        memory_bytes=record.memory_bytes,
        device_memory_used_bytes=record.device_memory_used_bytes,
        device_memory_total_bytes=record.device_memory_total_bytes,
        started_at=timestamp(record.started_ms),
        seen_at=timestamp(record.seen_ms),
    )
