"""The `renderq worker` command: options → settings → startup."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from renderq.cli.command import Command

_EXIT_CONFIGURATION = 2
"""The configuration is invalid; a supervisor does not restart the process."""
_EXIT_UNAVAILABLE = 1
"""A service became unavailable during startup; a supervisor may restart the process."""

_SETTINGS = {
    "redis_url": "redis_url",
    "store": "store",
    "data": "data",
    "models": "models",
    "name": "worker_name",
    "slots": "worker_slots",
    "device": "device",
    "threads": "threads",
}
"""Option → name of the setting."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", help="Redis or Valkey that holds the jobs (default: redis://127.0.0.1:6379/0)")
    parser.add_argument("--store", help="object store: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for all data kept on disk")
    parser.add_argument("--models", type=Path, metavar="FILE", help="model catalog (models.toml)")
    parser.add_argument("--name", help="name in `/v1/workers` (default: host name and a random suffix)")
    parser.add_argument("--slots", type=int, metavar="N", help="maximum number of jobs claimed at a time (default: 16)")
    parser.add_argument(
        "--device",
        help="auto, cpu, cuda or cuda:N (default: auto); simulated or simulated:MS renders stub images and takes MS "
        "milliseconds per step",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the engine (default: all cores)")


def _run(arguments: argparse.Namespace) -> int:
    from renderq_worker.threads.signals import StopSignals

    signals = StopSignals()

    from pydantic import ValidationError

    from renderq_shared.errors import ObjectStoreUnavailable, RenderqSharedError, StoreUnavailable
    from renderq_shared.logs import configure_logging
    from renderq_shared.settings import WorkerSettings, format_errors, warn_unknown_settings
    from renderq_worker.errors import WorkerError
    from renderq_worker.process.startup import run_worker

    try:
        settings = WorkerSettings.from_options(
            {setting: getattr(arguments, option) for option, setting in _SETTINGS.items()}
        )
        configure_logging(settings, "worker")
        warn_unknown_settings(os.environ)
        _exit(run_worker(settings, signals))
    except ValidationError as error:
        for line in format_errors(error):
            _print_error(line)
    except (StoreUnavailable, ObjectStoreUnavailable) as error:
        _print_error(str(error))
        return _EXIT_UNAVAILABLE
    except (RenderqSharedError, WorkerError) as error:
        _print_error(str(error))
    return _EXIT_CONFIGURATION


def _exit(code: int) -> NoReturn:
    """Exit without interpreter shutdown: everything is closed, and unloading torch takes seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _print_error(message: str) -> None:
    print(f"renderq worker: {message}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Start one worker process, which claims jobs and renders them.",
    add_arguments=_add_arguments,
    run=_run,
)
