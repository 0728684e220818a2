"""`renderq styles`: list the styles."""

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command

HEADER = ("STYLE", "TITLE", "PROMPT", "NEGATIVE PROMPT")


@define_command(CLIENT_COMMANDS["styles"].summary)
@json_option("Print a JSON array.")
@connection.options
def command() -> int:
    with connection.connect() as client:
        styles = client.models.styles()
    if wants_json():
        print(as_json(styles))
    else:
        rows = [(style.name, style.title, style.prompt, style.negative_prompt) for style in styles]
        print(table(HEADER, rows) if rows else "no styles")
    return ExitCode.OK
