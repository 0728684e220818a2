"""The `renderq worker` command: options → settings → startup."""

import os
from typing import Any, NoReturn

import rich_click as click

from renderq.cli.formatting import print_error
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import FILE, FOLDER
from renderq_shared.console import flush_or_discard

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


@define_command("start one worker process, which claims jobs and renders them")
@click.option(
    "--redis-url", metavar="URL", help="Redis or Valkey that holds the jobs (default: redis://127.0.0.1:6379/0)"
)
@click.option("--store", metavar="STORE", help="object store: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
@click.option("--data", type=FOLDER, metavar="DIR", help="folder for all data kept on disk")
@click.option("--models", type=FILE, metavar="FILE", help="model catalog (models.toml)")
@click.option("--name", metavar="NAME", help="name in `/v1/workers` (default: host name and a random suffix)")
@click.option("--slots", type=int, metavar="N", help="maximum number of jobs claimed at a time (default: 16)")
@click.option(
    "--device",
    metavar="DEVICE",
    help="auto, cpu, cuda or cuda:N (default: auto); simulated or simulated:MS renders stub images and takes MS "
    "milliseconds per step",
)
@click.option("--threads", type=int, metavar="N", help="CPU threads of the engine (default: all cores)")
def command(**options: Any) -> int:
    from renderq_worker.threads.signals import StopSignals

    signals = StopSignals()

    from renderq_shared.errors import ObjectStoreUnavailable, RenderqSharedError, StoreUnavailable
    from renderq_shared.logs import configure_logging
    from renderq_shared.private_folders import PRIVATE_UMASK, FolderNotPrivate, secure_data_folder
    from renderq_shared.settings import WorkerSettings, warn_unknown_settings
    from renderq_worker.errors import WorkerError
    from renderq_worker.process.startup import run_worker

    try:
        settings = WorkerSettings.from_options({setting: options[option] for option, setting in _SETTINGS.items()})
        configure_logging(settings, "worker")
        warn_unknown_settings(os.environ)
        os.umask(PRIVATE_UMASK)
        secure_data_folder(settings.data)
        _exit(run_worker(settings, signals))
    except (StoreUnavailable, ObjectStoreUnavailable) as error:
        _print_error(str(error))
        return _EXIT_UNAVAILABLE
    except (RenderqSharedError, WorkerError, FolderNotPrivate) as error:
        for line in str(error).splitlines():
            _print_error(line)
    return _EXIT_CONFIGURATION


def _exit(code: int) -> NoReturn:
    """Exit without interpreter shutdown: everything is closed, and unloading torch takes seconds."""
    from renderq_shared.logs import flush_logs

    flush_logs()
    flush_or_discard()
    os._exit(code)


def _print_error(message: str) -> None:
    print_error(message, "renderq worker")
