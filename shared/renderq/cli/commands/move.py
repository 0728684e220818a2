"""`renderq move`: move a queued job among one's own."""

from typing import Literal

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq.cli.job_state import describe
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID


@define_command(CLIENT_COMMANDS["move"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@click.option("--front", "to", flag_value="front", help="To the first place of your queued jobs of its model.")
@click.option("--back", "to", flag_value="back", help="To the last place.")
@click.option("--before", type=ID, metavar="ID", help="Before this job.")
@json_option("Print the job as JSON.")
@connection.options
def command(job_id: str, to: Literal["front", "back"] | None, before: str | None) -> int:
    if (to is None) == (before is None):
        raise UsageError("use one of --front, --back and --before ID")
    with connection.connect() as client:
        job = client.job(job_id).move(to=to, before=before)
    print(as_json(job) if wants_json() else f"{job.id}  {describe(job)}")
    return ExitCode.OK
