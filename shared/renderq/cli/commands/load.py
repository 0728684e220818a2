"""`renderq load`: the load of the service in the last day, by hours."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, local_time, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.contract import LoadMinute

HEADER = ("FROM", "MOST QUEUED", "MOST RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "EXPIRED")


@define_command(CLIENT_COMMANDS["load"].summary)
@json_option("Print a JSON array of minutes.")
@connection.options
def command() -> int:
    with connection.connect() as client:
        minutes = client.load_history()
    if wants_json():
        print(as_json(minutes))
    else:
        print(table(HEADER, [_row(hour, each) for hour, each in groupby(minutes, _hour)]) if minutes else "no load")
    return ExitCode.OK


def _hour(minute: LoadMinute) -> datetime:
    return minute.started_at.replace(minute=0, second=0, microsecond=0)


def _row(hour: datetime, minutes: Iterable[LoadMinute]) -> tuple[object, ...]:
    each = tuple(minutes)
    return (
        local_time(hour),
        max(minute.queued_jobs for minute in each),
        max(minute.running_jobs for minute in each),
        sum(minute.succeeded_jobs for minute in each),
        sum(minute.failed_jobs for minute in each),
        sum(minute.canceled_jobs for minute in each),
        sum(minute.expired_jobs for minute in each),
    )
