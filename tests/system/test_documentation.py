"""Programs and commands of the pages, run from top to bottom against a running service.

A block that cannot be run is marked behind its language: ```sh no-run
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.service import Service

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
DEFAULT_URL = "http://127.0.0.1:8400"

_BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service(shipped_service: Service) -> Service:
    return shipped_service


def blocks(page: str, language: str, url: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8").replace(DEFAULT_URL, url)
    return [code for kind, code in _BLOCK.findall(text) if kind == language]


def run(service: Service, folder: Path, *argv: str) -> str:
    """Run a command that finds the service by its environment, and return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "RENDERQ_URL": service.url}
    completed = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    assert completed.returncode == 0, f"{completed.stdout}\n{completed.stderr}"
    return completed.stdout


@pytest.mark.parametrize("page", ["docs/start/quickstart.md", "docs/reference/sdk.md", "README.md"])
def test_programs_run(service: Service, tmp_path: Path, page: str) -> None:
    program = "\n".join(blocks(page, "python", service.url))
    assert program
    run(service, tmp_path, sys.executable, "-W", "error::SyntaxWarning", "-c", program)
    assert list(tmp_path.glob("*.*")), "the page saves images"


@pytest.mark.parametrize(
    "page",
    [
        "docs/start/quickstart.md",
        pytest.param("docs/start/installation.md", marks=pytest.mark.long),
        "docs/reference/cli.md",
        "README.md",
    ],
)
def test_commands_run(service: Service, tmp_path: Path, page: str) -> None:
    commands = "\n".join(blocks(page, "sh", service.url)).replace(".venv/bin/", "")
    assert commands
    run(service, tmp_path, "bash", "-euo", "pipefail", "-c", commands)
    assert list(tmp_path.iterdir()), "the page saves files"


def test_the_error_is_the_one_that_the_page_shows(service: Service, tmp_path: Path) -> None:
    [program] = [code for code in blocks("docs/start/quickstart.md", "python", service.url) if "InvalidRequest" in code]
    printed = run(service, tmp_path, sys.executable, "-c", f"from renderq import Client\nclient = Client()\n{program}")
    assert printed.strip() in program
