"""`renderq status`: show a job."""

import sys
from collections.abc import Iterator

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, colored, local_time, printable
from renderq.cli.job_state import COLORS, describe_progress
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID
from renderq.contract import Job

_DURATIONS = {
    "queued": "queue_ms",
    "loading the model": "load_ms",
    "rendering": "inference_ms",
    "encoding": "encode_ms",
    "storing": "upload_ms",
}
"""Words → field of the metrics."""


@define_command(CLIENT_COMMANDS["status"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@json_option("Print the job as JSON.")
@connection.options
def command(job_id: str) -> int:
    with connection.connect() as client:
        job = client.job(job_id).job
    if wants_json():
        print(as_json(job))
        return ExitCode.OK
    color = COLORS.get(job.status)
    state = describe_progress(job)
    print(f"{job.id}  {colored(state, color, sys.stdout) if color else state}")
    for name, value in _facts(job):
        print(f"{name:<9}{printable(value)}")
    return ExitCode.OK


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    """Yield name and value of what is known of a job."""
    yield from _request_facts(job)
    yield "created", local_time(job.created_at)
    if job.completed_at:
        yield "ended", local_time(job.completed_at)
    if job.kept:
        yield "kept", "until it is deleted"
    if job.labels:
        yield "labels", ", ".join(job.labels)
    for key, value in job.metadata.items():
        yield "metadata", f"{key}={value}"
    if durations := _durations(job):
        yield "took", durations
    if job.worker:
        yield "worker", f"{job.worker}{f', {job.device}' if job.device else ''}"
    for output in job.outputs:
        yield f"image {output.index}", f"{output.width}×{output.height}, seed {output.seed}, {output.url}"
    if job.grid:
        layout = f"{job.grid.columns} by {job.grid.rows}"
        yield "grid", f"{job.grid.width}×{job.grid.height}, {layout}, {job.grid.url}"
    if job.outputs_expired:
        yield "images", "deleted by retention"
    if job.error:
        yield "error", f"{job.error.code}: {job.error.message}"
    for warning in job.warnings:
        yield "warning", f"{warning.code}: {warning.message}"


def _request_facts(job: Job) -> Iterator[tuple[str, str]]:
    request = job.request
    yield "prompt", str(request.get("prompt", ""))
    if negative := request.get("negative_prompt"):
        yield "negative", str(negative)
    yield "model", job.model
    sampling = {
        "steps": "{} steps",
        "scheduler": "{}",
        "schedule": "{} schedule",
        "guidance_scale": "guidance {}",
        "strength": "strength {}",
    }
    if known := [text.format(request[name]) for name, text in sampling.items() if request.get(name) is not None]:
        yield "sampling", ", ".join(known)
    if request.get("width") and request.get("height"):
        yield "size", f"{request['width']}×{request['height']}"
    if request.get("seed") is not None:
        count = request.get("n", 1)
        yield "seed", f"{request['seed']}{f', {count} images' if count != 1 else ''}"


def _durations(job: Job) -> str:
    """Return `14.1 s: 2.0 s queued, 11.9 s rendering`; empty until a duration is known."""
    parts = {words: getattr(job.metrics, field) for words, field in _DURATIONS.items()}
    known = ", ".join(f"{_seconds(ms)} {words}" for words, ms in parts.items() if ms)
    total = job.metrics.total_ms
    return ": ".join(filter(None, [_seconds(total) if total else "", known]))


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
