"""`renderq tenants`: whose jobs wait, and whether they are held back."""

import argparse

from renderq.cli import connection, pausing
from renderq.cli.command import Command
from renderq.cli.exits import ExitCode
from renderq.cli.text import as_json, table
from renderq.contract import Tenant

HEADER = ("TENANT", "QUEUED", "WEIGHT", "STATE")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    pausing.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="Print them as a JSON array.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        if wanted := pausing.wanted(args):
            tenants = (client.tenants.pause(wanted.name) if wanted.pause else client.tenants.resume(wanted.name),)
        else:
            tenants = client.tenants.list()
    if args.json:
        print(as_json([tenant.model_dump(mode="json") for tenant in tenants]))
    else:
        print(table(HEADER, [_row(tenant) for tenant in tenants]))
    return ExitCode.OK


def _row(tenant: Tenant) -> tuple[object, ...]:
    return (tenant.name, tenant.queued_jobs, f"{tenant.weight:g}", "paused" if tenant.paused else "-")


command = Command(
    help="list the tenants; hold one's jobs back, or let them go on",
    add_arguments=_add_arguments,
    run=_run,
)
