"""Textual inversions: the images of stock pipelines with `load_textual_inversion`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from renderq_shared.catalog import EmbeddingEntry, ModelEntry
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.prompt_attention import parse_prompt_attention
from renderq_worker.engine import GenerationSpec, Pixels
from renderq_worker.engine.families.token_chunks import split_into_chunks
from tests.worker.engine.engine_harness import EngineHarness, render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference, reference_pixels_of

PROMPT = "a <moon> sea"


def with_embedding(model: ModelEntry, path: Path, vectors: int) -> ModelEntry:
    """Return the model with a textual inversion `<moon>` of so many random vectors."""
    generator, reference = torch.Generator().manual_seed(vectors), load_reference(model)
    names = (
        {"text_encoder": "clip_l", "text_encoder_2": "clip_g"} if model.family == "sdxl" else {"text_encoder": "<m>"}
    )
    save_file(
        {
            name: torch.randn(vectors, getattr(reference, encoder).config.hidden_size, generator=generator)
            for encoder, name in names.items()
        },
        path,
    )
    embedding = EmbeddingEntry(name="moon", source=str(path), token="<moon>", revision=compute_revision(path, None))
    return model.model_copy(update={"embeddings": (embedding,), "revision": embedding.revision})


def stock(model: ModelEntry, request: GenerationSpec) -> Pixels:
    """Render as a user of diffusers does."""
    pipeline: Any = DiffusionPipeline.from_pretrained(model.source, dtype=torch.float32)
    [embedding] = model.embeddings
    if model.family != "sdxl":
        pipeline.load_textual_inversion(embedding.source, token="<moon>")
    else:
        for name, suffix in (("clip_l", ""), ("clip_g", "_2")):
            pipeline.load_textual_inversion(
                load_file(embedding.source)[name],
                token="<moon>",
                tokenizer=getattr(pipeline, f"tokenizer{suffix}"),
                text_encoder=getattr(pipeline, f"text_encoder{suffix}"),
            )
    return reference_pixels_of(pipeline, request)


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize("model", ["tiny", "xl"])
def test_its_token_means_its_vectors(model: str, vectors: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    plain = request.getfixturevalue(model)
    learned = with_embedding(plain, tmp_path / "moon.safetensors", vectors)
    harness = EngineHarness([learned])
    job = spec(model=model, prompt=PROMPT, negative_prompt="<moon>")
    harness.submit(job)
    harness.finish()
    assert np.array_equal(harness.pixels("job/0"), stock(learned, job))
    assert not np.array_equal(harness.pixels("job/0"), render_alone(plain, job))


def test_other_prompts_stay_what_they_were(tiny: ModelEntry, tmp_path: Path) -> None:
    harness = EngineHarness([with_embedding(tiny, tmp_path / "moon.safetensors", 3)])
    harness.submit(spec(prompt="a moon sea"))
    harness.finish()
    assert np.array_equal(harness.pixels("job/0"), render_alone(tiny, spec(prompt="a moon sea")))


def test_weighted_prompts_have_all_vectors(tiny: ModelEntry, tmp_path: Path) -> None:
    harness = EngineHarness([with_embedding(tiny, tmp_path / "moon.safetensors", 3)])
    job = spec(prompt="(a <moon>:1.2)")
    harness.submit(job)
    harness.finish()
    tokenizer = harness.models.get("tiny")._pipeline.tokenizer  # type: ignore[attr-defined]
    [chunk] = split_into_chunks(parse_prompt_attention(job.prompt), tokenizer)
    assert tokenizer.convert_ids_to_tokens(chunk.tokens) == ["a</w>", "<moon>", "<moon>_1", "<moon>_2"]
    assert not np.array_equal(harness.pixels("job/0"), render_alone(tiny, job))
