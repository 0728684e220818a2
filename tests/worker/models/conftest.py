"""Saved models to load, and copies to damage."""

import shutil
from pathlib import Path

import pytest
from diffusers import DDIMScheduler

from tests.worker.engine.tiny_models import SD1_SCHEDULER, save_pipeline


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_pipeline(folder, DDIMScheduler(**SD1_SCHEDULER))
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return Path(shutil.copytree(saved, tmp_path / "tiny"))
