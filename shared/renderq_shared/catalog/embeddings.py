"""Textual inversions of the catalog: words that a model learned, each added to the models that it fits."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from renderq_shared.catalog.additions import adapter_file, fitting_models
from renderq_shared.catalog.config_values import read_config
from renderq_shared.catalog.entries import EmbeddingEntry, ModelEntry
from renderq_shared.catalog.models_toml import EmbeddingConfig
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.catalog.sources import locate
from renderq_shared.checkpoints import read_weight_file
from renderq_shared.checkpoints.adapters import embedding_widths
from renderq_shared.checkpoints.contents import describe
from renderq_shared.errors import CatalogInvalid

EMBEDDING_FILES = ("learned_embeds.safetensors", "learned_embeds.bin")
"""Names under which the files of textual inversions are published."""
_ENCODERS = {"stable_diffusion": {"text_encoder"}, "sdxl": {"text_encoder", "text_encoder_2"}}
"""Family → text encoders that a textual inversion has vectors for."""


def resolve_embedding(name: str, config: EmbeddingConfig, base: Path, cache: Path) -> EmbeddingEntry:
    """Complete an entry from its file. Raises `CatalogInvalid` and `CheckpointUnreadable`."""
    path = adapter_file(locate(config, base, cache), EMBEDDING_FILES)
    file = read_weight_file(path)
    if not embedding_widths(file.tensors):
        held = describe(file.tensors, file.others, file.metadata)
        raise CatalogInvalid(f"{path} holds {held.kind if held else 'something else'}, not a textual inversion")
    token = config.token or name
    return EmbeddingEntry(name=name, source=str(path), token=token, revision=compute_revision(path, None))


def with_embedding(
    embedding: EmbeddingEntry, base: Collection[str], models: Mapping[str, ModelEntry]
) -> Mapping[str, ModelEntry]:
    """Return the models that `base` names, and those of families in it that it fits, with it.

    It is a part of their weights, so their revisions change. Raises `CatalogInvalid`.
    """
    widths = embedding_widths(read_weight_file(Path(embedding.source)).tensors)
    refusal = f"{embedding.source} does not fit"
    fitting = fitting_models(base, models, refusal, lambda model: _mismatch(widths, model))
    return {model.name: _added(embedding, model) for model in fitting}


def _added(embedding: EmbeddingEntry, model: ModelEntry) -> ModelEntry:
    if any(each.token == embedding.token for each in model.embeddings):
        raise CatalogInvalid(f"token {embedding.token!r} is that of another embedding of the model {model.name!r}")
    content = f"{model.revision}\0{embedding.token}\0{embedding.revision}".encode()
    revision = hashlib.sha256(content).hexdigest()[: len(embedding.revision)]
    return model.model_copy(update={"embeddings": (*model.embeddings, embedding), "revision": revision})


def _mismatch(widths: Mapping[str, int], model: ModelEntry) -> str | None:
    """Return why it cannot belong to a model; None if nothing speaks against it."""
    encoders = _ENCODERS.get(model.family)
    if encoders is None:
        return f"models of the family {model.family!r} take no textual inversions"
    if set(widths) != encoders:
        return f"it has vectors for {' and '.join(widths)}, and {model.name!r} has {' and '.join(sorted(encoders))}"
    for encoder, width in widths.items():
        path = model.config_folder / encoder / "config.json"
        own = read_config(path).get("hidden_size") if path.is_file() else None
        if type(own) is int and own != width:
            return f"its vectors for {encoder} have width {width}, those of {model.name!r} have {own}"
    return None
