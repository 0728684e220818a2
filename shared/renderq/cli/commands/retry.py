"""`renderq retry`: submit an unsuccessful job again."""

import argparse

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Job id, job_…")
    parser.add_argument("--json", action="store_true", help="Print the new job as JSON.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        job = client.job(args.id).retry().job
    print(as_json(job) if args.json else job.id)
    return ExitCode.OK


command = Command(
    help="submit a failed, canceled or expired job again and print the new id",
    add_arguments=_add_arguments,
    run=_run,
)
