"""`renderq delete`: delete a job and its images."""

import argparse

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Job id, job_…")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        client.jobs.delete(args.id)
    return ExitCode.OK


command = Command(
    help="delete a job that has ended, and its images",
    add_arguments=_add_arguments,
    run=_run,
)
