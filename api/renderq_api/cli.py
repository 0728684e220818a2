"""The command line of `renderq api`: options → settings → server."""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq_shared.settings.models import ApiSettings, format_errors

_OPTIONS = ("host", "port", "data", "redis_url", "store", "models")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (default: 8400)")
    parser.add_argument("--redis-url", help="Redis or Valkey that holds the jobs")
    parser.add_argument("--store", help="where pictures live: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for everything that is kept on disk")
    parser.add_argument("--models", type=Path, metavar="FILE", help="the catalog, a models.toml")


def _run(arguments: argparse.Namespace) -> int:
    # The server and all that it needs are imported only by those who start it.
    from renderq_api.errors import ApiError
    from renderq_api.server import Server, run
    from renderq_shared.errors import RenderqSharedError
    from renderq_shared.logs import configure_logging
    from renderq_shared.settings.unknown import warn_unknown_settings

    def say_ready(url: str, _server: Server) -> None:
        print(f"ready {url}", flush=True)  # noqa: T201

    given = {name: value for name in _OPTIONS if (value := getattr(arguments, name)) is not None}
    try:
        settings = ApiSettings(**given)
        configure_logging(settings, "api")
        warn_unknown_settings(os.environ)
        run(settings, say_ready)
    except ValidationError as error:
        for line in format_errors(error):
            _complain(line)
        return 2
    except (ApiError, RenderqSharedError) as error:
        _complain(str(error))
        return 2
    return 0


def _complain(text: str) -> None:
    print(f"renderq api: {text}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Serve the HTTP API: accept jobs, answer about them, sweep.",
    add_arguments=_add_arguments,
    run=_run,
)
