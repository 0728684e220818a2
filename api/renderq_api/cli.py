"""The `renderq api` command: options → settings → server."""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq_shared.settings import ApiSettings, format_errors

_OPTIONS = ("host", "port", "data", "redis_url", "store", "models")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 picks a free one (default: 8400)")
    parser.add_argument("--redis-url", help="URL of the Redis or Valkey server that stores the jobs")
    parser.add_argument(
        "--store", help="object store for images: folder:PATH or s3://BUCKET/PREFIX (default: a folder)"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for all data on disk")
    parser.add_argument("--models", type=Path, metavar="FILE", help="model catalog (models.toml)")


def _run(arguments: argparse.Namespace) -> int:
    # Imported here so that other `renderq` commands start fast.
    from renderq_api.errors import ApiError
    from renderq_api.server import Server, run
    from renderq_shared.errors import RenderqSharedError
    from renderq_shared.logs import configure_logging
    from renderq_shared.settings import warn_unknown_settings

    def print_ready(url: str, _server: Server) -> None:
        print(f"ready {url}", flush=True)  # noqa: T201

    try:
        settings = ApiSettings.from_options({name: getattr(arguments, name) for name in _OPTIONS})
        configure_logging(settings, "api")
        warn_unknown_settings(os.environ)
        run(settings, print_ready)
    except ValidationError as error:
        for line in format_errors(error):
            _print_error(line)
        return 2
    except (ApiError, RenderqSharedError) as error:
        _print_error(str(error))
        return 2
    return 0


def _print_error(text: str) -> None:
    print(f"renderq api: {text}", file=sys.stderr)  # noqa: T201


command = Command(
    help="Run the HTTP API server.",
    add_arguments=_add_arguments,
    run=_run,
)
