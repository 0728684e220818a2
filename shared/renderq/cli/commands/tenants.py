"""`renderq tenants`: list tenants; pause or resume one."""

import argparse

from renderq.cli import pausable
from renderq.cli.command import Command
from renderq.contract import Tenant

HEADER = ("TENANT", "QUEUED", "WEIGHT", "STATE")


def _run(args: argparse.Namespace) -> int:
    return pausable.run(args, lambda client: client.tenants, HEADER, _row)


def _row(tenant: Tenant) -> tuple[object, ...]:
    return (tenant.name, tenant.queued_jobs, f"{tenant.weight:g}", "paused" if tenant.paused else "-")


command = Command(
    help="list the tenants and their queues; pause or resume one",
    add_arguments=pausable.add_arguments,
    run=_run,
)
