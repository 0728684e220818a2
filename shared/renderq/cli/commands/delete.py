"""`renderq delete`: delete jobs and their images."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID
from renderq.cli.refusals import report_refusals


@define_command(CLIENT_COMMANDS["delete"].summary)
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True, type=ID, help="Job ids, job_…")
@connection.options
def command(job_ids: tuple[str, ...]) -> int:
    with connection.connect() as client:
        if len(job_ids) == 1:
            client.jobs.delete(job_ids[0])
            return ExitCode.OK
        return report_refusals(client.jobs.delete_many(job_ids).refusals)
