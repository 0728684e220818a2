"""Command line of `renderq jobs restore`."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import rich_click as click

from renderq.cli.formatting import print_error
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import FOLDER
from renderq_shared.errors import RenderqSharedError, SettingsInvalid, StoreUnavailable
from renderq_shared.settings import ApiSettings


@define_command("restore ended jobs that the history has lost from the manifests in the object store")
@click.option(
    "--history-url",
    metavar="URL",
    help="database of ended jobs: postgresql://… or sqlite:///PATH (default: in the data folder)",
)
@click.option(
    "--store",
    metavar="STORE",
    help="object store: folder:PATH or s3://BUCKET/PREFIX (default: in the data folder)",
)
@click.option(
    "--redis-url",
    metavar="URL",
    help="the service's Redis, which knows its history (default: RENDERQ_REDIS_URL, else that of `renderq up`)",
)
@click.option(
    "--data", type=FOLDER, metavar="DIR", help="data folder of this machine (default: ~/.local/share/renderq)"
)
@json_option("print the counts as a JSON object")
def command(**options: Any) -> int:
    from renderq_shared.history import open_history
    from renderq_shared.manifests.restore import RestoreResult, restore_jobs
    from renderq_shared.objects import open_store

    async def restore(history_url: str) -> tuple[RestoreResult, str]:
        async with open_history(history_url) as history:
            await history.migrate()
            return await restore_jobs(history, objects, _report_unreadable), await history.id()

    try:
        settings = ApiSettings.from_options(options)
        objects = open_store(settings)
        objects.check()
        result, history_id = asyncio.run(restore(settings.history_database))
    except SettingsInvalid as error:
        for line in str(error).splitlines():
            _print_error(line)
        return 2
    except RenderqSharedError as error:
        _print_error(str(error))
        return 3
    for process in _foreign_processes(history_id, options):
        _print_error(
            f"the API process {process} uses another history, without these jobs; if they belong there, repeat this "
            "with its RENDERQ_HISTORY_URL as --history-url"
        )
    if wants_json():
        print(json.dumps(asdict(result)))  # noqa: T201
    else:
        print(f"{result.restored} restored, {result.known} already known, {result.unreadable} unreadable")  # noqa: T201
    return 1 if result.unreadable else 0


def _foreign_processes(history_id: str, options: Mapping[str, Any]) -> list[str]:
    """Return the live API processes that use another history, as far as Redis says so."""
    from renderq_shared.local.archive_state import read_archive_state

    try:
        service = read_archive_state(options["redis_url"], options["data"])
    except StoreUnavailable:
        return []
    return [api.process for api in service.apis if api.history != history_id] if service else []


def _report_unreadable(key: str, reason: str) -> None:
    _print_error(f"skipped {key}: {reason}")


def _print_error(text: str) -> None:
    print_error(text, "renderq jobs restore")
