"""Options, output and exit codes of `renderq history`."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, print_error
from renderq.cli.json_option import wants_json
from renderq.cli.parameter_types import FOLDER, WORD, ParsedType, check_text
from renderq_shared.errors import HistoryUnsuitable, RenderqSharedError, SettingsInvalid
from renderq_shared.history_url import check_history_url

if TYPE_CHECKING:
    from renderq_shared.settings import ApiSettings


def _url(text: str) -> str:
    check_history_url(check_text(text))
    return text


HISTORY_URL = ParsedType("url", _url)

history_url_option = click.option(
    "--history-url",
    type=HISTORY_URL,
    metavar="URL",
    help="database of ended jobs: postgresql://… or sqlite:///PATH (default: RENDERQ_HISTORY_URL, else in the data "
    "folder)",
)
data_option = click.option(
    "--data", type=FOLDER, metavar="DIR", help="data folder of this machine (default: ~/.local/share/renderq)"
)
redis_url_option = click.option(
    "--redis-url",
    type=WORD,
    metavar="URL",
    help="the service's Redis (default: RENDERQ_REDIS_URL, else that of `renderq up`)",
)


def read_settings(history_url: str | None, data: Path | None) -> "ApiSettings":
    """Return the settings with these options. Raises `SettingsInvalid`."""
    from renderq_shared.settings import ApiSettings

    return ApiSettings.from_options({"history_url": history_url, "data": data})


def run(name: str, action: Callable[[], Coroutine[Any, Any, int]], unavailable: int = ExitCode.UNAVAILABLE) -> int:
    """Run a command and return its exit code; print errors as lines of `renderq history NAME`."""
    try:
        return asyncio.run(action())
    except (HistoryUnsuitable, SettingsInvalid) as error:
        print_problems(name, *str(error).splitlines())
        return ExitCode.USAGE
    except RenderqSharedError as error:
        print_problems(name, str(error))
        return unavailable


def print_result(facts: object, text: str) -> None:
    """Print the result as JSON if it is wanted, else as text."""
    print(as_json(facts) if wants_json() else text)  # noqa: T201


def print_problems(name: str, *problems: str) -> None:
    """Print lines to stderr."""
    for problem in problems:
        print_error(problem, f"renderq history {name}")
