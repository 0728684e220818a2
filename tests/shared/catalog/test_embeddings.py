"""`[embeddings.NAME]` in `models.toml`: what fits which model, and what is refused."""

import json
from pathlib import Path

import pytest

from renderq_shared.catalog import ModelEntry, load_catalog
from renderq_shared.errors import CatalogInvalid
from tests.shared.catalog.test_loras import kohya, write
from tests.shared.catalog.test_models_toml import pipeline

MODELS = '[models.old]\nsource = "sd1"\n[models.new]\nsource = "sd2"\n'


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    for name, width in (("sd1", 768), ("sd2", 1024)):
        pipeline(tmp_path / name)
        config = {"num_hidden_layers": 3, "hidden_size": width}
        (tmp_path / name / "text_encoder" / "config.json").write_text(json.dumps(config))
    write(tmp_path / "moon.safetensors", {"emb_params": (3, 768)})
    write(tmp_path / "two.safetensors", {"clip_l": (1, 768), "clip_g": (1, 1280)})
    kohya(tmp_path / "ink.safetensors")
    return tmp_path / "models.toml"


def load(toml: Path, embeddings: str) -> dict[str, ModelEntry]:
    toml.write_text(MODELS + embeddings)
    return {model.name: model for model in load_catalog(toml, toml.parent / "hub").models}


MOON = '[embeddings.moon]\nsource = "moon.safetensors"\n'


def test_an_entry_adds_the_token_to_its_base_and_changes_its_revision(toml: Path) -> None:
    plain = load(toml, "")
    models = load(toml, f'{MOON}base = "stable_diffusion"\ntoken = "<moon>"')
    [embedding] = models["old"].embeddings
    assert (embedding.name, embedding.token) == ("moon", "<moon>")
    assert models["old"].revision != plain["old"].revision
    assert (models["new"].embeddings, models["new"].revision) == ((), plain["new"].revision)
    assert load(toml, f'{MOON}base = ["old"]')["old"].embeddings[0].token == "moon"


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (
            f'{MOON}base = "new"',
            "moon.safetensors does not fit its base 'new': its vectors for text_encoder have width",
        ),
        (f'{MOON}base = "new"', "have width 768, those of 'new' have 1024"),
        (f'{MOON}base = "gone"', "embedding 'moon': base 'gone' is neither a model of the file, which has old, new"),
        (MOON, "embedding 'moon': base is missing; it is the name of a model"),
        (f'{MOON}base = "old"\ntoken = "a b"', "embedding 'moon': token must be text (got 'a b')"),
        ('[embeddings.moon]\nsource = "two.safetensors"\nbase = "old"', "it has vectors for text_encoder and text_enc"),
        ('[embeddings.moon]\nsource = "ink.safetensors"\nbase = "old"', "(kohya keys), not a textual inversion"),
        (
            f'{MOON}base = "old"\n[embeddings.sun]\nsource = "moon.safetensors"\nbase = "old"\ntoken = "moon"',
            "embedding 'sun': token 'moon' is that of another embedding of the model 'old'",
        ),
    ],
)
def test_errors_name_the_entry_and_what_to_do(toml: Path, embeddings: str, message: str) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        load(toml, embeddings)
    assert message in str(caught.value)
