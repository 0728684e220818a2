"""The command line of `renderq worker`: options → settings → checks → process."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from renderq.cli.command import Command

_REFUSED = 2
"""Exit code of a process that cannot start as it is configured: a supervisor does not start it again."""
_AWAY = 1
"""Exit code when something went away during the start: worth starting again."""

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
"""Option → setting."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", help="Redis or Valkey that holds the jobs (default: redis://127.0.0.1:6379/0)")
    parser.add_argument("--store", help="where pictures live: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for everything that is kept on disk")
    parser.add_argument("--models", type=Path, metavar="FILE", help="the catalog, a models.toml")
    parser.add_argument("--name", help="name in `/v1/workers` (default: host name and a random part)")
    parser.add_argument("--slots", type=int, metavar="N", help="jobs to hold at once (default: 16)")
    parser.add_argument(
        "--device",
        help="auto, cpu, cuda or cuda:N (default: auto); simulated or simulated:MS computes nothing and takes MS "
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

    given = {setting: getattr(arguments, option) for option, setting in _SETTINGS.items()}
    try:
        settings = WorkerSettings(**{name: value for name, value in given.items() if value is not None})
        configure_logging(settings, "worker")
        warn_unknown_settings(os.environ)
        _leave(run_worker(settings, signals))
    except ValidationError as error:
        for line in format_errors(error):
            _complain(line)
    except (StoreUnavailable, ObjectStoreUnavailable) as error:
        _complain(str(error))
        return _AWAY
    except (RenderqSharedError, WorkerError) as error:
        _complain(str(error))
    return _REFUSED


def _leave(code: int) -> NoReturn:
    """End at once: all is closed, and taking torch apart would cost seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _complain(reason: str) -> None:
    print(f"renderq worker: {reason}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Start one worker process: it takes jobs from Redis and renders them.",
    add_arguments=_add_arguments,
    run=_run,
)
