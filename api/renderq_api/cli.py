"""The `renderq api` command: options → settings → server."""

import gc
import os
import sys
from typing import Any

import rich_click as click

from renderq.cli.formatting import print_error
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import FILE, FOLDER
from renderq_shared.console import flush_or_discard, write_line
from renderq_shared.settings import ApiSettings


@define_command("run the HTTP API server")
@click.option("--host", metavar="HOST", help="address to listen on (default: 127.0.0.1)")
@click.option("--port", type=int, metavar="PORT", help="port to listen on; 0 picks a free one (default: 8400)")
@click.option("--redis-url", metavar="URL", help="URL of the Redis or Valkey server that stores the jobs")
@click.option(
    "--store",
    metavar="STORE",
    help="object store for images: folder:PATH or s3://BUCKET/PREFIX (default: a folder)",
)
@click.option("--data", type=FOLDER, metavar="DIR", help="folder for all data on disk")
@click.option("--models", type=FILE, metavar="FILE", help="model catalog (models.toml)")
def command(**options: Any) -> int:
    # Imported here so that other `renderq` commands start fast.
    from renderq_api.errors import ApiError
    from renderq_api.server import Server, run
    from renderq_shared.errors import RenderqSharedError
    from renderq_shared.logs import configure_logging
    from renderq_shared.private_folders import PRIVATE_UMASK, FolderNotPrivate, secure_data_folder
    from renderq_shared.settings import warn_unknown_settings
    from renderq_shared.tracing import open_tracing

    def print_ready(url: str, _server: Server) -> None:
        _exempt_from_garbage_collection()
        write_line(sys.stdout, f"ready {url}")

    try:
        settings = ApiSettings.from_options(options)
        configure_logging(settings, "api")
        warn_unknown_settings(os.environ)
        os.umask(PRIVATE_UMASK)
        secure_data_folder(settings.data)
        run(settings, print_ready, open_tracing(os.environ, "renderq-api"))
    except (ApiError, RenderqSharedError, FolderNotPrivate) as error:
        for line in str(error).splitlines():
            _print_error(line)
        return 2
    finally:
        flush_or_discard()
    return 0


def _exempt_from_garbage_collection() -> None:
    """Exempt all objects that exist: modules and routes, some 200,000 that live as long as the process.

    Otherwise callers who submit many jobs start full collections, each of which stops all requests for 0.1 s.
    """
    gc.collect()
    gc.freeze()


def _print_error(text: str) -> None:
    print_error(text, "renderq api")
