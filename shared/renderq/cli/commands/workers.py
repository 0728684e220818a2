"""`renderq workers`: list the live workers."""

import argparse

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, table
from renderq.contract import Worker

HEADER = ("WORKER", "DEVICE", "JOBS", "MODELS", "IN MEMORY", "SINCE", "STATE")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print a JSON array.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        workers = client.workers.list()
    if args.json:
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
        f"{worker.started_at:%Y-%m-%d %H:%M:%S %Z}",
        "draining" if worker.draining else "ready",
    )


command = Command(
    help="list the live workers",
    add_arguments=_add_arguments,
    run=_run,
)
