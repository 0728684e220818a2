"""Unfinished jobs of this door: their progress, and their interruption."""

from pydantic import BaseModel, Field

from renderq.contract import Status
from renderq_api.doors.a1111.answer import job_timestamp
from renderq_api.services import Services
from renderq_shared.jobs import JobFilter, JobPosition, JobRecord, commands
from renderq_shared.jobs.stored_results import decode_progress

DOOR = "a1111"

_MARGIN_MS = 60_000
"""Time by which the end of a job that has passed its deadline may be late."""

_PAGE, _SCAN = 100, 500


class ProgressState(BaseModel):
    """State of a job."""

    skipped: bool = False
    interrupted: bool = Field(default=False, description="True while the job stops.")
    stopping_generation: bool = False
    job: str = Field(default="", description="Id of the job.")
    job_count: int = Field(default=0, description="Images of the job; 0 without a job.")
    job_timestamp: str = Field(default="0", description="When it was submitted, `YYYYMMDDHHMMSS` in UTC.")
    job_no: int = Field(default=0, description="Finished images.")
    sampling_step: int = Field(default=0, description="Steps done, of all images.")
    sampling_steps: int = 0


class Progress(BaseModel):
    """Progress of the tenant's oldest unfinished job; zeros without one."""

    progress: float = Field(default=0, description="0.01 to 1; 0 without a job.")
    eta_relative: float = Field(default=0, description="Estimated seconds until its end; 0 without an estimate.")
    state: ProgressState = ProgressState()
    current_image: str | None = Field(default=None, description="Always null.")
    textinfo: str | None = None


async def unfinished_jobs(services: Services, tenant: str) -> list[JobRecord]:
    """Return the tenant's jobs of this door that have not ended, newest first. Raises `StoreUnavailable`.

    No index: such a job has a deadline, so that only the tenant's jobs of the last minutes are looked at.
    """
    oldest_ms = services.keys.now_ms() - services.settings.door_wait_seconds * 1000 - _MARGIN_MS
    found: list[JobRecord] = []
    after: JobPosition | None = None
    while True:
        page = await services.jobs.call(
            commands.page(tenant, JobFilter(created_after_ms=oldest_ms), _PAGE, _SCAN, after)
        )
        found += [job for job in page.records if job.door == DOOR and not job.status.is_terminal]
        after = page.last
        if after is None:
            return found


async def interrupt(services: Services, tenant: str) -> None:
    """Cancel the tenant's jobs of this door that have not ended. Raises `StoreUnavailable`."""
    ids = [job.id for job in await unfinished_jobs(services, tenant)]
    for start in range(0, len(ids), _PAGE):
        await services.jobs.call(commands.cancel_jobs(tenant, ids[start : start + _PAGE], only_queued=False))


async def read_progress(services: Services, tenant: str) -> Progress:
    """Return the progress of the tenant's oldest unfinished job of this door. Raises `StoreUnavailable`."""
    jobs = await unfinished_jobs(services, tenant)
    found = await services.jobs.call(commands.get_job(tenant, jobs[-1].id)) if jobs else None
    if found is None or found[0].status.is_terminal:
        return Progress()
    record, position = found
    done, eta = decode_progress(record.progress_json), services.eta_cache.eta(record, position)
    return Progress(
        progress=max(0.01, done.fraction),
        eta_relative=eta.p50 if eta else 0,
        state=ProgressState(
            interrupted=record.status is Status.CANCELING,
            job=record.id,
            job_count=record.images,
            job_timestamp=job_timestamp(record),
            job_no=done.images_done,
            sampling_step=done.step,
            sampling_steps=done.steps,
        ),
    )
