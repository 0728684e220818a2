"""`renderq submit`: submit a job without waiting."""

import argparse

from renderq.cli import connection, request_options
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json

EPILOG = """\
examples:
  renderq submit "a lighthouse" -n 4 --seed 42
  renderq watch $(renderq submit "a lighthouse")
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--grid", action="store_true", default=None, help="Add a grid of all images.")
    parser.add_argument("--json", action="store_true", help="Print the job as JSON instead of its id.")
    request_options.add_arguments(parser, format_default="png")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    fields = request_options.request_fields(args, args.format)
    with connection.connect(args) as client:
        job = request_options.submit(client, args.prompt, fields).job
    print(as_json(job) if args.json else job.id)
    return ExitCode.OK


command = Command(
    help="submit a job and print its id",
    add_arguments=_add_arguments,
    run=_run,
)
