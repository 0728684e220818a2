"""`renderq history migrate`."""

from dataclasses import asdict
from pathlib import Path

from renderq.cli.exit_codes import ExitCode
from renderq.cli.json_option import json_option
from renderq.cli.lazy_group import command as define_command
from renderq_shared.errors import HistoryUnavailable
from renderq_shared.history.maintenance import SchemaState, migrate_history
from renderq_shared.history_commands.options import data_option, history_url_option, print_result, read_settings, run


@define_command("create the tables of the history, or change those of an earlier version, as the API does at startup")
@history_url_option
@data_option
@json_option("print the schema before and the revision after as a JSON object")
def command(history_url: str | None, data: Path | None) -> int:
    async def migrate() -> int:
        settings = read_settings(history_url, data)
        if settings.history_url is None:
            _create_folder(settings.data)
        before = await migrate_history(settings.history_database)
        texts = {
            SchemaState.MISSING: f"created the tables of revision {before.expected}",
            SchemaState.BEHIND: f"migrated from revision {before.revision} to {before.expected}",
            SchemaState.CURRENT: f"revision {before.expected}, as before",
        }
        print_result(asdict(before), texts[before.state])
        return ExitCode.OK

    return run("migrate", migrate)


def _create_folder(data: Path) -> None:
    """Create the data folder unless it exists. Raises `HistoryUnavailable`."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HistoryUnavailable(f"{error.filename}: {error.strerror}") from error
