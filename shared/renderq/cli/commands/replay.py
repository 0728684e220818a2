"""`renderq replay`: send a webhook delivery again."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID


@define_command(CLIENT_COMMANDS["replay"].summary)
@click.argument("delivery_id", metavar="ID", type=ID, help="Delivery id, as `renderq deliveries` lists it.")
@json_option("Print the delivery as JSON.")
@connection.options
def command(delivery_id: str) -> int:
    with connection.connect() as client:
        delivery = client.deliveries.replay(delivery_id)
    print(as_json(delivery) if wants_json() else f"{delivery.id}  {delivery.status}")
    return ExitCode.OK
