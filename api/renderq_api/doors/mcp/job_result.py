"""Result of a tool about a job: its images, or how far it is, or why it has none."""

from pydantic import JsonValue
from starlette.requests import Request

from renderq.contract import Job
from renderq_api.doors.job_end import job_end
from renderq_api.doors.mcp.image_blocks import image_blocks, image_url
from renderq_api.doors.mcp.tool_result import ToolResult, failure, text
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.services import Services


async def job_result(request: Request, services: Services, snapshot: JobSnapshot, *, links: bool) -> ToolResult:
    """Return the state of a job. Raises `ApiProblem`, `ObjectNotFound` and `ObjectStoreUnavailable`."""
    record = snapshot[0]
    job = await to_signed_job(services, urls_for(request), snapshot)
    if not record.status.is_terminal:
        words = f"Job {job.id} is {job.status}. Call get_image with this id to wait for its images."
        return ToolResult([text(words)], _data(job))
    if record.outputs_expired:
        return failure("The images of this job have expired. Call generate_image again.", **_data(job))
    if end := job_end(record, 0):
        return failure(f"Job {job.id} has no images: {end.message}", **_data(job))
    blocks = await image_blocks(services, record, job, links=links)
    return ToolResult([*blocks, text(_summary(job))], _data(job))


def _summary(job: Job) -> str:
    images = (
        f"Image {output.index}: {output.width} × {output.height} pixels, seed {output.seed}, {image_url(output)}"
        for output in job.outputs
    )
    return "\n".join((f"Job {job.id}, model {job.model}.", *images))


def _data(job: Job) -> dict[str, JsonValue]:
    images: list[JsonValue] = [
        {"url": image_url(output), "seed": output.seed, "width": output.width, "height": output.height}
        for output in job.outputs
    ]
    return {"job": job.id, "status": job.status, "model": job.model, "images": images}
