"""Catalog with a fast model for tests and benchmarks: the text encoder and the UNet that ship, at 64 px."""

import contextlib
import os
from pathlib import Path

from renderq_shared.catalog import ModelEntry, load_catalog
from renderq_worker.builtin import PIPELINE_DIR

MODELS_TOML: Path = Path(__file__).parent / "models.toml"
"""Its only model is `shapes`."""

_FOLDER: Path = MODELS_TOML.parent / "shapes"


def fast_model() -> ModelEntry:
    """Return the entry of `shapes`."""
    return load_catalog(MODELS_TOML).default


def _link_shipped_files() -> None:
    """Complete the folder, which has its own autoencoder, by links to the files that ship.

    They are not committed: archives and some file systems have no links. Other processes may do the same just now.
    """
    for shipped in PIPELINE_DIR.rglob("*.*"):
        link = _FOLDER / shipped.relative_to(PIPELINE_DIR)
        if shipped.parent.name != "vae":
            link.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):
                link.symlink_to(os.path.relpath(shipped, link.parent))


_link_shipped_files()
