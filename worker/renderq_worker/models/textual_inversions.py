"""Textual inversions of a model, added to its tokenizers and text encoders when it is loaded."""

from typing import Any

from safetensors.torch import load_file

from renderq_shared.catalog import ModelEntry

_ENCODERS = {"clip_l": ("tokenizer", "text_encoder"), "clip_g": ("tokenizer_2", "text_encoder_2")}
"""Vectors in the file of one for SDXL → tokenizer and text encoder."""


def add_textual_inversions(entry: ModelEntry, pipeline: Any) -> None:
    """Add them as `load_textual_inversion` of diffusers does. Raises its errors."""
    for embedding in entry.embeddings:
        if entry.family != "sdxl":
            pipeline.load_textual_inversion(embedding.source, token=embedding.token, local_files_only=True)
            continue
        vectors = load_file(embedding.source)
        for name, (tokenizer, encoder) in _ENCODERS.items():
            pipeline.load_textual_inversion(
                vectors[name],
                token=embedding.token,
                tokenizer=getattr(pipeline, tokenizer),
                text_encoder=getattr(pipeline, encoder),
            )
