"""`renderq workers`: list the live workers; drain one."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, gigabytes, local_time, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import WORD
from renderq.contract import Worker

HEADER = ("WORKER", "DEVICE", "JOBS", "MODELS", "IN MEMORY", "RAM", "DEVICE MEMORY", "SINCE", "STATE")


@click.group(cls=LazyGroup, name="workers", help=CLIENT_COMMANDS["workers"].summary, invoke_without_command=True)
@json_option("Print a JSON array.")
@connection.options
@click.pass_context
def command(context: click.Context) -> int:
    if context.invoked_subcommand:
        return ExitCode.OK
    with connection.connect() as client:
        return _print(client.workers.list())


@command.command(help="let a worker finish its jobs and end")
@click.argument("worker_id", metavar="ID", type=WORD)
@json_option("Print a JSON array.")
@connection.options
def drain(worker_id: str) -> int:
    with connection.connect() as client:
        return _print((client.workers.drain(worker_id),))


def _print(workers: tuple[Worker, ...]) -> int:
    if wants_json():
        print(as_json(workers))
    else:
        print(table(HEADER, [_row(worker) for worker in workers]) if workers else "no workers")
    return ExitCode.OK


def _row(worker: Worker) -> tuple[object, ...]:
    return (
        worker.id,
        worker.device,
        worker.jobs,
        " ".join(worker.models),
        " ".join(worker.resident_models) or "-",
        "-" if worker.memory_bytes is None else gigabytes(worker.memory_bytes),
        _device_memory(worker),
        local_time(worker.started_at),
        "draining" if worker.draining else "ready",
    )


def _device_memory(worker: Worker) -> str:
    if worker.device_memory_total_bytes is None:
        return "-"
    return f"{gigabytes(worker.device_memory_used_bytes or 0)} of {gigabytes(worker.device_memory_total_bytes)}"
