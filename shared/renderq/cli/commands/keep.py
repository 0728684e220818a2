"""`renderq keep`: keep jobs, or return them to retention."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID


@define_command(CLIENT_COMMANDS["keep"].summary)
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True, type=ID, help="Job ids, job_…")
@click.option("--release", is_flag=True, help="Return them to retention.")
@connection.options
def command(job_ids: tuple[str, ...], release: bool) -> int:
    with connection.connect() as client:
        for job_id in job_ids:
            client.jobs.annotate(job_id, kept=not release)
    return ExitCode.OK
