"""`renderq deliveries`: webhook deliveries of a job."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, local_time, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID
from renderq.contract import Delivery

HEADER = ("ID", "EVENT", "STATUS", "ATTEMPTS", "LAST RESULT", "NEXT ATTEMPT", "URL")


@define_command(CLIENT_COMMANDS["deliveries"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@json_option("Print a JSON array.")
@connection.options
def command(job_id: str) -> int:
    with connection.connect() as client:
        deliveries = client.deliveries.list(job_id)
    if wants_json():
        print(as_json(deliveries))
    else:
        print(table(HEADER, [row(delivery) for delivery in deliveries]) if deliveries else "no deliveries")
    return ExitCode.OK


def row(delivery: Delivery) -> tuple[object, ...]:
    last = delivery.attempts[-1] if delivery.attempts else None
    result = "-" if last is None else last.error or f"HTTP {last.status}"
    due = local_time(delivery.next_attempt_at) if delivery.next_attempt_at else "-"
    return delivery.id, delivery.type, delivery.status.value, len(delivery.attempts), result, due, delivery.url
