"""`renderq usage`: what ended jobs used, by day."""

import csv
import sys
from datetime import date

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import UTC_DAY
from renderq.contract import UsageDay

HEADER = ("DAY", "TENANT", "JOBS", "IMAGES", "MEGAPIXELS", "STEPS", "DEVICE TIME", "STORED")


@define_command(CLIENT_COMMANDS["usage"].summary)
@click.option("--since", type=UTC_DAY, metavar="DAY", help="First day (UTC), or yesterday (default: 30 days ago).")
@click.option("--until", type=UTC_DAY, metavar="DAY", help="Last day (default: today).")
@click.option("--tenant", metavar="NAME", help="Another tenant, or * for all; needs the role admin.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option("Print a JSON array.")
@connection.options
def command(since: date | None, until: date | None, tenant: str | None, as_csv: bool) -> int:
    if as_csv and wants_json():
        raise UsageError("--csv and --json exclude each other")
    with connection.connect() as client:
        days = client.usage(since=since, until=until, tenant=tenant)
    if wants_json():
        print(as_json(days))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, list(UsageDay.model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows(day.model_dump(mode="json") for day in days)
    else:
        print(table(HEADER, [_row(day) for day in days]) if days else "no usage")
    return ExitCode.OK


def _row(day: UsageDay) -> tuple[object, ...]:
    return (
        day.day,
        day.tenant,
        day.jobs,
        day.images,
        f"{day.pixels / 1e6:.3f}",
        day.steps,
        f"{day.device_seconds:.1f} s",
        f"{day.bytes / 1e6:.3f} MB",
    )
