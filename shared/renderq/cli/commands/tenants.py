"""`renderq tenants`: list tenants; pause, resume or purge one."""

import time

import rich_click as click

from renderq.cli import connection
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, print_error
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.parameter_types import WORD
from renderq.cli.pausable import pausable_group
from renderq.contract import Purge, Tenant

HEADER = ("TENANT", "QUEUED", "WEIGHT", "STATE")

_POLL_S = 0.5


def _row(tenant: Tenant) -> tuple[object, ...]:
    return (tenant.name, tenant.queued_jobs, f"{tenant.weight:g}", "paused" if tenant.paused else "-")


command = pausable_group("tenants", lambda client: client.tenants, HEADER, _row)


@command.command(help="delete all data of a tenant: jobs, images, uploads, usage; its API keys remain")
@click.argument("name", metavar="NAME", type=WORD)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option("Print the result as JSON.")
@connection.options
def purge(name: str, yes: bool) -> int:
    question = f"Delete all jobs, images, uploads and usage of tenant {name}?"
    if not yes and not click.confirm(question, err=True):
        print_error("nothing was deleted", "renderq tenants purge")
        return ExitCode.NOT_DONE
    deleted = _purge(name)
    if wants_json():
        print(as_json(deleted))
    elif not deleted.jobs and not deleted.assets:
        print(f"{name}: there were no jobs and no uploads")
    else:
        print(f"{name}: deleted; jobs: {deleted.jobs}, uploads: {deleted.assets}")
    return ExitCode.OK


def _purge(name: str) -> Purge:
    """Delete all data of a tenant. Ctrl-C ends the wait, not the deletion."""
    with connection.connect() as client:
        deletion = client.tenants.purge(name)
        while deletion.completed_at is None:
            time.sleep(_POLL_S)
            deletion = client.tenants.get_purge(name)
    return deletion
