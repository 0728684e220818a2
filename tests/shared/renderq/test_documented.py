"""The reference pages of the client are complete."""

import inspect
import re
from pathlib import Path

from renderq import errors
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode

DOCS = Path(__file__).parents[3] / "docs"


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", (DOCS / "reference/cli.md").read_text(), re.MULTILINE)
    assert [int(code) for code in documented] == sorted(ExitCode)


def test_every_command_is_documented() -> None:
    page = (DOCS / "reference/cli.md").read_text()
    assert all(f"`renderq {name}" in page for name in CLIENT_COMMANDS)


def test_every_error_is_documented() -> None:
    page = (DOCS / "reference/sdk.md").read_text()
    bases = {"APIError", "JobNotSucceeded"}
    kinds = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert {name for name in kinds - bases if f"`{name}`" not in page} == set()
