"""Every setting has a description in its model, and docs/reference/settings.md is generated from them."""

import importlib.util
from pathlib import Path

import pytest

from renderq_shared.settings import ApiSettings, SharedSettings, WorkerSettings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("model", [SharedSettings, ApiSettings, WorkerSettings], ids=lambda model: model.__name__)
def test_every_setting_has_a_description(model: type[SharedSettings]) -> None:
    assert {name for name, field in model.model_fields.items() if not field.description} == set()


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("settings_reference", REFERENCE / "settings_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (REFERENCE / "settings.md").read_text(encoding="utf-8") == module.reference(), "run `make docs`"
