"""`renderq cancel`: cancel jobs."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID
from renderq.cli.refusals import report_refusals


@define_command(CLIENT_COMMANDS["cancel"].summary)
@click.argument("job_ids", metavar="[ID...]", nargs=-1, type=ID, help="Job ids, job_…")
@click.option("--queued", is_flag=True, help="All queued jobs instead; running ones continue.")
@click.option("--model", metavar="NAME", help="With --queued: only those of this model.")
@json_option("Print the job as JSON; of several, what was done.")
@connection.options
def command(job_ids: tuple[str, ...], queued: bool, model: str | None) -> int:
    if queued == bool(job_ids):
        raise UsageError("name jobs to cancel, or use --queued for all queued ones")
    if model is not None and not queued:
        raise UsageError("--model needs --queued")
    with connection.connect() as client:
        if len(job_ids) == 1:
            job = client.job(job_ids[0]).cancel()
            print(as_json(job) if wants_json() else f"{job.id}  {job.status}")
            return ExitCode.OK
        result = client.jobs.cancel_queued(model=model) if queued else client.jobs.cancel_many(job_ids)
    others = f", {result.unchanged} unchanged" if result.unchanged else ""
    print(as_json(result) if wants_json() else f"{result.canceled} canceled{others}")
    return report_refusals(result.refusals)
