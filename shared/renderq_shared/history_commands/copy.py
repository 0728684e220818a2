"""`renderq history copy`."""

import sys
from dataclasses import asdict
from pathlib import Path

import rich_click as click

from renderq.cli.exit_codes import ExitCode
from renderq.cli.json_option import json_option
from renderq.cli.lazy_group import command as define_command
from renderq.cli.progress import progress_bars
from renderq_shared.errors import StoreUnavailable
from renderq_shared.history.maintenance import CopyResult, copy_history
from renderq_shared.history_commands.options import (
    HISTORY_URL,
    data_option,
    print_problems,
    print_result,
    redis_url_option,
    run,
)
from renderq_shared.local.archive_state import read_archive_state

_INCOMPLETE = 1
"""Exit code if something could not be copied."""


@define_command("copy jobs, deletions and usage to another database; may be interrupted and repeated")
@click.argument("source", type=HISTORY_URL, metavar="SOURCE_URL", help="postgresql://… or sqlite:///PATH; not changed")
@click.argument("target", type=HISTORY_URL, metavar="TARGET_URL", help="its tables are created")
@redis_url_option
@data_option
@json_option("print a JSON object")
def command(source: str, target: str, redis_url: str | None, data: Path | None) -> int:
    async def copy() -> int:
        with progress_bars(sys.stderr, unit="jobs") as bars:
            result = await copy_history(source, target, bars.show_count if bars else lambda _done, _total: None)
        check = result.check
        print_result({"added": result.added, **asdict(check)}, _text(result))
        try:
            if writers := _writers(result.source_id, redis_url, data):
                print_problems(
                    "copy", f"the API process {writers[0]} writes to the source; once it has stopped, copy again"
                )
        except StoreUnavailable as error:
            print_problems("copy", f"make sure that no API process writes to the source: {error}")
        print_problems("copy", *check.problems)
        return _INCOMPLETE if check.problems else ExitCode.OK

    return run("copy", copy)


def _writers(source_id: str, redis_url: str | None, data: Path | None) -> list[str]:
    """Return the live API processes that use the source. Raises `StoreUnavailable` if Redis refuses to say."""
    service = read_archive_state(redis_url, data)
    return [api.process for api in service.apis if api.history == source_id] if service else []


def _text(result: CopyResult) -> str:
    check = result.check
    rest = {
        "newer in the target": check.newer,
        "deleted in the target": check.deleted,
        "only in the target": check.only_in_target,
    }
    details = "".join(f", {count:,} {text}" for text, count in rest.items() if count)
    return f"{check.jobs:,} jobs: {result.added:,} copied{details}; SHA-256 {check.target_digest}"
