"""Job of a door's request: submitted, waited for, and canceled if its client hangs up first.

Clients of other services give up and send the request again. Without `Idempotency-Key` that is a new job, so that the
earlier one is canceled at once; with the key the job goes on, and the repeated request waits for it.
"""

import contextlib
from dataclasses import dataclass

from pydantic import JsonValue
from starlette.requests import Request

from renderq_api.auth import Caller
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.live import wait_for_terminal
from renderq_api.services import Services
from renderq_api.submission.submission import submit_job
from renderq_shared.errors import HistoryUnavailable, StoreUnavailable
from renderq_shared.jobs import Idempotency, JobRecord

JOB_HEADER = "X-Renderq-Job"
IGNORED_HEADER = "X-Renderq-Ignored"

_MARGIN_S = 5
"""Time in which the sweeper ends a job whose deadline has passed."""


@dataclass(frozen=True, slots=True)
class DoorJob:
    """A job to submit."""

    door: str
    body: dict[str, JsonValue]
    """As of `POST /v1/jobs`."""
    idempotency: Idempotency | None


async def run_job(request: Request, services: Services, caller: Caller, job: DoorJob) -> JobRecord:
    """Submit a job and wait for its end. Returns it as it is when the wait is over or the server shuts down.

    Raises `ApiProblem`, the errors of the stores, and `ClientDisconnect`.
    """
    record = await submit(request, services, caller, job)
    try:
        snapshot = await wait_for_end(request, services, record, services.settings.door_wait_seconds + _MARGIN_S)
        record = snapshot[0] if snapshot else record
        return record
    finally:
        await abandon(services, job, record)


async def wait_for_end(request: Request, services: Services, record: JobRecord, seconds: float) -> JobSnapshot | None:
    """Return a job once it has ended, or as it is after `seconds`; `None` if it was deleted.

    Raises the errors of the stores, and `ClientDisconnect` when the client hangs up.
    """

    async def read() -> JobSnapshot | None:
        return await services.directory.find(record.tenant, record.id)

    watch = services.job_watchers.watch(record.id, terminal_only=True)
    with services.metrics.open_long_polls.track_inprogress(), watch as watcher:
        return await wait_for_terminal(services.job_watchers, watcher, read, seconds, request, ends_with_input=True)


async def submit(request: Request, services: Services, caller: Caller, job: DoorJob) -> JobRecord:
    """Submit a job that ends when the wait for it does. From now on the response names it."""
    body = {**job.body, "deadline_seconds": _deadline(job.body, services.settings.door_wait_seconds)}
    _, record = await submit_job(services, caller, body, job.idempotency, door=job.door)
    response_headers(request)[JOB_HEADER] = record.id
    return record


async def abandon(services: Services, job: DoorJob, record: JobRecord) -> None:
    """Cancel a job whose request is over, unless it has ended or its client can find it again."""
    if job.idempotency is None and not record.status.is_terminal:
        await cancel_if_possible(services, record)


async def cancel_if_possible(services: Services, record: JobRecord) -> None:
    """Cancel a job. While Redis is away it cannot be canceled, and goes on until its deadline."""
    with contextlib.suppress(StoreUnavailable, HistoryUnavailable):
        await services.directory.cancel(record.tenant, record.id)


def response_headers(request: Request) -> dict[str, str]:
    """Return the headers that every response to this request gets, also one about an error; a handler adds to them."""
    state = request.scope.setdefault("state", {})
    headers: dict[str, str] = state.setdefault("door_headers", {})
    return headers


def _deadline(body: dict[str, JsonValue], wait_s: int) -> JsonValue:
    asked = body.get("deadline_seconds")
    return asked if isinstance(asked, int | float) and asked < wait_s else wait_s
