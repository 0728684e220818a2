"""`renderq models`: list models; pause or resume one."""

import argparse

from renderq.cli import pausable
from renderq.cli.command import Command
from renderq.contract import Model

HEADER = ("MODEL", "TASKS", "SIZE", "STEPS", "QUEUED", "WORKERS", "WARM", "LICENSE")


def _run(args: argparse.Namespace) -> int:
    return pausable.run(args, lambda client: client.models, HEADER, _row)


def _row(model: Model) -> tuple[object, ...]:
    name = f"{model.name} (default)" if model.default else model.name
    size = f"{model.defaults.width}×{model.defaults.height}"
    queued = f"{model.queued_jobs} (paused)" if model.paused else model.queued_jobs
    counts = (queued, model.workers, model.warm_workers)
    return (name, " ".join(model.tasks), size, model.defaults.steps, *counts, model.license)


command = Command(
    help="list the models with their queues and workers; pause or resume one",
    add_arguments=pausable.add_arguments,
    run=_run,
)
