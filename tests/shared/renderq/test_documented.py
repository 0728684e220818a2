"""The documentation of the client is complete, and its programs run."""

import inspect
import re
import subprocess
import sys
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


def test_the_page_about_testing_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / "guides/testing.md").read_text(), re.MULTILINE | re.DOTALL)
    argv = [sys.executable, "-W", "error", "-c", "\n".join(blocks)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("100%\n")
    assert (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG")
