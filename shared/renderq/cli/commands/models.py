"""`renderq models`: what the service can render with."""

import argparse

from renderq.cli import connection, pausing
from renderq.cli.command import Command
from renderq.cli.exits import ExitCode
from renderq.cli.text import as_json, table
from renderq.contract import Model

HEADER = ("MODEL", "TASKS", "SIZE", "STEPS", "QUEUED", "WORKERS", "WARM", "LICENCE")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    pausing.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="Print them as a JSON array.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        if wanted := pausing.wanted(args):
            models = (client.models.pause(wanted.name) if wanted.pause else client.models.resume(wanted.name),)
        else:
            models = client.models.list()
    if args.json:
        print(as_json([model.model_dump(mode="json") for model in models]))
    else:
        print(table(HEADER, [_row(model) for model in models]))
    return ExitCode.OK


def _row(model: Model) -> tuple[object, ...]:
    name = f"{model.name} (default)" if model.default else model.name
    size = f"{model.defaults.width}×{model.defaults.height}"
    queued = f"{model.queued_jobs} (paused)" if model.paused else model.queued_jobs
    counts = (queued, model.workers, model.warm_workers)
    return (name, " ".join(model.tasks), size, model.defaults.steps, *counts, model.licence)


command = Command(
    help="list the models with their defaults, queues and workers; hold one back, or let it go on",
    add_arguments=_add_arguments,
    run=_run,
)
