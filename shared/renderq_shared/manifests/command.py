"""The command line of `renderq jobs restore`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq.cli.formatting import printable
from renderq_shared.errors import RenderqSharedError
from renderq_shared.settings.models import SharedSettings, format_errors

_OPTIONS = ("redis_url", "store", "data")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", help="Redis or Valkey that holds the jobs (default: redis://127.0.0.1:6379/0)")
    parser.add_argument("--store", help="where pictures live: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for everything that is kept on disk")
    parser.add_argument("--json", action="store_true", help="print the counts as a JSON object")


def _run(arguments: argparse.Namespace) -> int:
    from renderq_shared.jobs import RedisJobStore, check_server, sync_client
    from renderq_shared.manifests.restore import restore_jobs
    from renderq_shared.objects import open_store
    from renderq_shared.wakeups import queue_name

    given = {name: value for name in _OPTIONS if (value := getattr(arguments, name)) is not None}
    try:
        settings = SharedSettings(**given)
        objects = open_store(settings)
        objects.check()
        with sync_client(settings.redis_url) as client:
            check_server(client)
            done = restore_jobs(RedisJobStore(client, queue_name), objects, _tell_unreadable)
    except ValidationError as error:
        for line in format_errors(error):
            _complain(line)
        return 2
    except RenderqSharedError as error:
        _complain(str(error))
        return 3
    if arguments.json:
        print(json.dumps(asdict(done)))  # noqa: T201
    else:
        print(f"{done.restored} restored, {done.known} known already, {done.unreadable} unreadable")  # noqa: T201
    return 1 if done.unreadable else 0


def _tell_unreadable(key: str, reason: str) -> None:
    _complain(f"skipped {key}: {reason}")


def _complain(text: str) -> None:
    print(f"renderq jobs restore: {printable(text)}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Bring ended jobs back into a Redis that has lost them, from the manifests beside their pictures.",
    add_arguments=_add_arguments,
    run=_run,
)
