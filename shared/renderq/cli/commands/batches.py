"""`renderq batches`: list batches of jobs; show, cancel or retry one."""

from itertools import islice

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, local_time, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import COUNT, ID
from renderq.contract import LIMITS, Batch

_batch_id = click.argument("batch_id", metavar="ID", type=ID, help="Batch id, batch_…")

HEADER = ("ID", "STATUS", "CREATED", "JOBS")

EPILOG = """\
examples:
  renderq batches show batch_…
  renderq batches retry batch_…      the jobs that have not succeeded, as a new batch
"""


@click.group(
    cls=LazyGroup, name="batches", help=CLIENT_COMMANDS["batches"].summary, epilog=EPILOG, invoke_without_command=True
)
@click.option("--limit", type=COUNT, metavar="N", default=20, help="List at most N batches (default: 20).")
@json_option("Print a JSON array.")
@connection.options
@click.pass_context
def command(context: click.Context, limit: int) -> int:
    if context.invoked_subcommand:
        return ExitCode.OK
    with connection.connect() as client:
        batches = list(islice(client.batches.list(page_size=min(limit, LIMITS.page_batches)), limit))
    if wants_json():
        print(as_json(batches))
    else:
        print(table(HEADER, list(map(_row, batches))) if batches else "no batches")
    return ExitCode.OK


@command.command(help="show the number of jobs of a batch by status")
@_batch_id
@json_option("Print the batch as JSON.")
@connection.options
def show(batch_id: str) -> int:
    with connection.connect() as client:
        return _print(client.batches.get(batch_id))


@command.command(help="cancel the jobs of a batch that have not ended")
@_batch_id
@json_option("Print the batch as JSON.")
@connection.options
def cancel(batch_id: str) -> int:
    with connection.connect() as client:
        return _print(client.batches.cancel(batch_id))


@command.command(help="submit the jobs of a batch that have not succeeded again, as a new batch, and print its id")
@_batch_id
@json_option("Print the new batch as JSON.")
@connection.options
def retry(batch_id: str) -> int:
    with connection.connect() as client:
        batch = client.batches.retry(batch_id)
    print(as_json(batch) if wants_json() else batch.id)
    return ExitCode.OK


def _print(batch: Batch) -> int:
    print(as_json(batch) if wants_json() else table(HEADER, [_row(batch)]))
    return ExitCode.OK


def _row(batch: Batch) -> tuple[object, ...]:
    left = f", about {batch.eta_seconds.p50:.0f} s left" if batch.eta_seconds else ""
    counts = ", ".join(f"{count} {name}" for name, count in batch.counts.model_dump().items() if count)
    return batch.id, f"{batch.status}{left}", local_time(batch.created_at), counts
