"""`renderq watch`: follow a job until it ends."""

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from renderq._core.events import JobEvent
from renderq._core.files import image_path, write_atomically
from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq.cli.progress import ProgressBar, is_terminal
from renderq.contract import Job, Preview
from renderq.errors import job_error
from renderq.job_handle import JobHandle

_PREVIEW_SUFFIXES = {"", ".jpg", ".jpeg"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Job id, job_…")
    parser.add_argument("--json", action="store_true", help="Print every event as a line of JSON.")
    parser.add_argument(
        "--previews",
        metavar="FILE",
        help="Save the latest preview to FILE, a JPEG; several images become NAME-0, NAME-1, ….",
    )
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    if args.previews is not None and Path(args.previews).suffix.lower() not in _PREVIEW_SUFFIXES:
        raise UsageError(f"previews are JPEG files; {args.previews} must end in .jpg")
    with connection.connect(args) as client:
        handle = client.job(args.id)
        if args.json:
            _follow(handle, args.previews, lambda event: print(_line(event), flush=True))
        else:
            _show_progress(handle, args.previews)
            print(f"{handle.id}  {handle.job.status}")
    return ExitCode.OK


def _follow(handle: JobHandle, previews: str | None, on_event: Callable[[JobEvent], None]) -> None:
    for event in handle.events(previews=previews is not None):
        if event.preview is None:
            on_event(event)
        elif previews is not None:
            _save_preview(event.preview, event.job, previews)
    if error := job_error(handle.job):
        raise error


def _save_preview(preview: Preview, job: Job, path: str) -> None:
    target = image_path(path, job, preview, numbered=True)
    try:
        write_atomically(target, preview.data)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}; {job.id} continues") from error


def _line(event: JobEvent) -> str:
    return as_json({"event": event.name, "job": event.job}, indent=None)


def _show_progress(handle: JobHandle, previews: str | None) -> None:
    with ProgressBar(sys.stderr) if is_terminal(sys.stderr) else nullcontext() as bar:
        if previews is None:
            handle.wait(on_progress=bar and bar.update)
        else:
            _follow(handle, previews, lambda event: bar.update(event.job) if bar else None)


command = Command(
    help="follow a job until it ends; Ctrl-C does not cancel it",
    add_arguments=_add_arguments,
    run=_run,
)
