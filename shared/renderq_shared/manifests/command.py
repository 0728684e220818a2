"""Command line of `renderq jobs restore`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq.cli.formatting import printable
from renderq_shared.errors import RenderqSharedError
from renderq_shared.settings import SharedSettings, format_errors

_OPTIONS = ("redis_url", "store", "data")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--redis-url", help="Redis or Valkey server that holds the jobs (default: redis://127.0.0.1:6379/0)"
    )
    parser.add_argument("--store", help="object store: folder:PATH or s3://BUCKET/PREFIX (default: in the data folder)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder of this machine (default: ~/.local/share/renderq)"
    )
    parser.add_argument("--json", action="store_true", help="print the counts as a JSON object")


def _run(arguments: argparse.Namespace) -> int:
    from renderq_shared.jobs.redis import RedisJobStore
    from renderq_shared.manifests.restore import restore_jobs
    from renderq_shared.objects import open_store
    from renderq_shared.redis.clients import check_server, sync_client

    try:
        settings = SharedSettings.from_options({name: getattr(arguments, name) for name in _OPTIONS})
        objects = open_store(settings)
        objects.check()
        with sync_client(settings.redis_url) as client:
            check_server(client)
            result = restore_jobs(RedisJobStore(client), objects, _report_unreadable)
    except ValidationError as error:
        for line in format_errors(error):
            _print_error(line)
        return 2
    except RenderqSharedError as error:
        _print_error(str(error))
        return 3
    if arguments.json:
        print(json.dumps(asdict(result)))  # noqa: T201
    else:
        print(f"{result.restored} restored, {result.known} already known, {result.unreadable} unreadable")  # noqa: T201
    return 1 if result.unreadable else 0


def _report_unreadable(key: str, reason: str) -> None:
    _print_error(f"skipped {key}: {reason}")


def _print_error(text: str) -> None:
    print(f"renderq jobs restore: {printable(text)}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Restore ended jobs that Redis has lost from the manifests in the object store.",
    add_arguments=_add_arguments,
    run=_run,
)
