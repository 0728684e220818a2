"""`renderq retry`: submit an unsuccessful job again."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID


@define_command(CLIENT_COMMANDS["retry"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@json_option("Print the new job as JSON.")
@connection.options
def command(job_id: str) -> int:
    with connection.connect() as client:
        job = client.job(job_id).retry().job
    print(as_json(job) if wants_json() else job.id)
    return ExitCode.OK
