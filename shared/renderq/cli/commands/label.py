"""`renderq label`: replace the labels of a job."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID


@define_command(CLIENT_COMMANDS["label"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@click.argument("labels", metavar="LABEL...", nargs=-1, help="All its labels; none removes them.")
@connection.options
def command(job_id: str, labels: tuple[str, ...]) -> int:
    with connection.connect() as client:
        client.jobs.annotate(job_id, labels=labels)
    return ExitCode.OK
