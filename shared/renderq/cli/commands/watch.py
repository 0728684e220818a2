"""`renderq watch`: follow jobs until they end."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

import rich_click as click

from renderq._core.files import image_path, write_atomically
from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.errors import exit_code, format_error
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, print_error
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.output_target import OutputTarget
from renderq.cli.parameter_types import ID, PATH
from renderq.cli.progress import ProgressBars, progress_bars
from renderq.client import AsyncClient
from renderq.contract import Job, Preview
from renderq.errors import RenderqError, job_error
from renderq.job_handle import AsyncJobHandle

EPILOG = """\
examples:
  renderq watch $(renderq submit "a lighthouse") -o lighthouse.png
  renderq watch job_… --previews preview.jpg
"""

_PREVIEW_SUFFIXES = {"", ".jpg", ".jpeg"}


@define_command(CLIENT_COMMANDS["watch"].summary, EPILOG)
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True, type=ID, help="Job ids, job_…")
@click.option(
    "-o", "--out", type=PATH, metavar="PATH", help="Save the images to a file, folder or `-`, as `renderq run` does."
)
@click.option(
    "--previews",
    type=PATH,
    metavar="FILE",
    help="Save the latest preview to FILE, a JPEG; several images become NAME-0, NAME-1, ….",
)
@json_option("Print every event as a line of JSON.")
@connection.options
def command(job_ids: tuple[str, ...], out: str | None, previews: str | None) -> int:
    ids = tuple(dict.fromkeys(job_ids))
    if previews is not None and Path(previews).suffix.lower() not in _PREVIEW_SUFFIXES:
        raise UsageError(f"previews are JPEG files; {previews} must end in .jpg")
    if previews is not None and len(ids) > 1:
        raise UsageError("--previews follows one job")
    target = OutputTarget.parse(out) if out else None
    if target:
        _check_target(target, ids)
    return asyncio.run(_watch(ids, target, previews))


def _check_target(target: OutputTarget, ids: tuple[str, ...]) -> None:
    if target.is_stdout and wants_json():
        raise UsageError("--json prints to stdout; save the images to a file, or omit --json")
    if len(ids) > 1 and not target.tells_jobs_apart:
        raise UsageError(f"several jobs cannot all be saved as {target.text}; use a folder, or add {{id}} to the name")
    target.check(len(ids))


async def _watch(ids: tuple[str, ...], target: OutputTarget | None, previews: str | None) -> int:
    """Follow the jobs to their ends at the same time. Returns the exit code of the first that has one."""
    async with connection.connect_async() as client:
        with progress_bars(sys.stderr, hidden=wants_json(), names_jobs=len(ids) > 1) as bars:
            ends = await asyncio.gather(*(_follow(client, job_id, bars, target, previews) for job_id in ids))
    for end in ends:
        _report(end, is_silent=wants_json() or bool(target and target.is_stdout))
    return next((exit_code(end.error) for end in ends if end.error), ExitCode.OK)


@dataclass(slots=True)
class _End:
    """How a job has ended, or why it could not be followed."""

    job: Job | None = None
    files: list[str] = field(default_factory=list[str])
    error: RenderqError | None = None


async def _follow(
    client: AsyncClient, job_id: str, bars: ProgressBars | None, target: OutputTarget | None, previews: str | None
) -> _End:
    end = _End()
    try:
        handle = await client.job(job_id)
        try:
            await _until_end(handle, bars, previews)
        finally:
            end.job = handle.job
            if target and end.job.status.is_terminal:
                end.files = await _save(handle, target)
    except RenderqError as error:
        end.error = error
    return end


async def _until_end(handle: AsyncJobHandle, bars: ProgressBars | None, previews: str | None) -> None:
    """Show the progress of a job until it ends. Raises `RenderqError`."""
    if previews is None and not wants_json():
        await handle.wait(on_progress=bars and bars.update)
        return
    async with contextlib.aclosing(handle.events(previews=previews is not None)) as events:
        async for event in events:
            if event.preview is not None and previews is not None:
                _save_preview(event.preview, event.job, previews)
            elif wants_json():
                print(as_json({"event": event.name, "job": event.job}, indent=None), flush=True)
            elif bars:
                bars.update(event.job)
    if error := job_error(handle.job):
        raise error


async def _save(handle: AsyncJobHandle, target: OutputTarget) -> list[str]:
    files = [target.save(handle.job, image.output, await image.bytes()) for image in handle.images]
    return [file for file in files if file]


def _save_preview(preview: Preview, job: Job, path: str) -> None:
    target = image_path(path, job, preview, numbered=True)
    try:
        write_atomically(target, preview.data)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}; {job.id} continues") from error


def _report(end: _End, *, is_silent: bool) -> None:
    if not is_silent:
        for file in end.files:
            print(file)
        if end.job and not end.error:
            print(f"{end.job.id}  {end.job.status}")
    if end.error:
        print_error(format_error(end.error))
