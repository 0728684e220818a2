"""`renderq cancel`: cancel a job."""

import argparse

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Job id, job_…")
    parser.add_argument("--json", action="store_true", help="Print the job as JSON.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        job = client.job(args.id).cancel()
    print(as_json(job) if args.json else f"{job.id}  {job.status}")
    return ExitCode.OK


command = Command(
    help="cancel a job; no effect on one that has ended",
    add_arguments=_add_arguments,
    run=_run,
)
