"""`renderq watch`: follow a job until it is done."""

import argparse
import json
import sys

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exits import ExitCode
from renderq.cli.progress import ProgressBar, is_terminal
from renderq.core.following import JobEvent
from renderq.errors import job_error
from renderq.job_handle import JobHandle


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="The job's id, job_…")
    parser.add_argument("--json", action="store_true", help="Print every event as a JSON object on a line of its own.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        handle = client.job(args.id)
        if args.json:
            _print_events(handle)
        else:
            _show_progress(handle)
            print(f"{handle.id}  {handle.job.status}")
    return ExitCode.OK


def _print_events(handle: JobHandle) -> None:
    for event in handle.events():
        print(_line(event), flush=True)
    if error := job_error(handle.job):
        raise error


def _line(event: JobEvent) -> str:
    return json.dumps({"event": event.name, "job": event.job.model_dump(mode="json")}, ensure_ascii=False)


def _show_progress(handle: JobHandle) -> None:
    if is_terminal(sys.stderr):
        with ProgressBar(sys.stderr) as bar:
            handle.wait(on_progress=bar.update)
    else:
        handle.wait()


command = Command(
    help="follow a job until it is done; Ctrl-C leaves the job alone",
    add_arguments=_add_arguments,
    run=_run,
)
