"""`renderq submit`: submit a job without waiting."""

from typing import Any

import rich_click as click

from renderq.cli import connection, request_options
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command

EPILOG = """\
examples:
  renderq submit "a lighthouse" -n 4 --seed 42
  renderq watch $(renderq submit "a lighthouse")
  renderq submit "a lighthouse" --webhook https://app.example/hooks
  renderq submit @prompt.txt
"""


@define_command(CLIENT_COMMANDS["submit"].summary, EPILOG)
@request_options.add_options(format_default="png")
@click.option("--grid", is_flag=True, default=None, help="Add a grid of all images.", panel="File")
@json_option("Print the job as JSON instead of its id.")
@connection.options
def command(prompt: str | None, **options: Any) -> int:
    fields = request_options.request_fields(options, options["format"])
    with connection.connect() as client:
        job = request_options.submit(client, prompt, fields).job
    print(as_json(job) if wants_json() else job.id)
    return ExitCode.OK
