"""Every RENDERQ_ variable in deploy/ or its page is a setting."""

import re
from pathlib import Path

import pytest

from renderq._config import API_KEY_VARIABLE, URL_VARIABLE
from renderq_shared.settings import ApiSettings, WorkerSettings
from tests.deploy.deploy_files import DEPLOY, ROOT

SETTINGS = {f"RENDERQ_{name.upper()}" for model in (ApiSettings, WorkerSettings) for name in model.model_fields}
CLIENT = {URL_VARIABLE, API_KEY_VARIABLE}
USERS = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix != ".pyc" and path.name != ".env"]
PAGE = ROOT / "docs" / "guides" / "deployment.md"


@pytest.mark.parametrize("path", [*USERS, PAGE], ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_are_settings(path: Path) -> None:
    mentioned = set(re.findall(r"RENDERQ_[A-Z0-9_]+[A-Z0-9]", path.read_text(encoding="utf-8")))
    assert mentioned - SETTINGS - CLIENT == set()


def test_the_page_names_files_that_exist() -> None:
    named = set(re.findall(r"`(deploy/[\w./@-]+)`", PAGE.read_text(encoding="utf-8"))) - {"deploy/.env"}
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()
