"""Catalog with a fast model for tests and benchmarks: the text encoder and the UNet that ship, at 64 px."""

from pathlib import Path

from renderq_shared.catalog import ModelEntry, load_catalog

MODELS_TOML: Path = Path(__file__).parent / "models.toml"
"""Its only model is `shapes`. All files but those of the autoencoder are links to the files that ship."""


def fast_model() -> ModelEntry:
    """Return the entry of `shapes`."""
    return load_catalog(MODELS_TOML).default
