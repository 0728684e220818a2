"""Damaged and hostile configurations: the check refuses each in one line, with the file and what is wrong in it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from renderq_shared.catalog import ModelConfig
from renderq_shared.errors import CatalogInvalid
from renderq_shared.settings import WorkerSettings
from renderq_worker.commands.models_check import check_model
from renderq_worker.engine import create_engine
from renderq_worker.models import ModelLoadFailed
from renderq_worker.models.file_states import unchanged
from renderq_worker.models.loading import load_pipeline
from tests.worker.engine.tiny_models import entry
from tests.worker.engine.tiny_transformers import save_flux

UNET, VAE, ENCODER = (f"{component}/config.json" for component in ("unet", "vae", "text_encoder"))
SCHEDULER, INDEX, TRANSFORMER = "scheduler/scheduler_config.json", "model_index.json", "transformer/config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
CPU = torch.device("cpu")

EDITED = [
    # Types
    (UNET, "in_channels", "4", "in_channels is '4', expected a number from"),
    (UNET, "flip_sin_to_cos", "yes", "flip_sin_to_cos is 'yes', expected true or false"),
    (UNET, "down_block_types", "DownBlock2D", "down_block_types is 'DownBlock2D', expected a list"),
    (VAE, "latent_channels", 4.5, "latent_channels is 4.5, expected a whole number"),
    (ENCODER, "hidden_act", 3, "hidden_act is 3, expected text"),
    (SCHEDULER, "timestep_spacing", "x", "scheduler cannot be loaded from .*scheduler: x is not supported"),
    (INDEX, "feature_extractor", [0, 0], "feature_extractor is [0, 0], expected a library and a class"),
    # Ranges
    (UNET, "layers_per_block", 10**9, "layers_per_block is 1000000000, expected a number from 0 to 1000"),
    (UNET, "sample_size", 10**6, "sample_size is 1000000, expected a number from 1 to 10000"),
    (VAE, "block_out_channels", [8] * 40, "its autoencoder has 40 blocks, expected at most 8 blocks"),
    (VAE, "scaling_factor", 0, "scaling_factor is 0, expected a number from"),
    (ENCODER, "max_position_embeddings", 10**12, "max_position_embeddings is 1000000000000, expected a number from"),
    (SCHEDULER, "num_train_timesteps", 10**12, "num_train_timesteps is 1000000000000, expected a number from 150"),
    (SCHEDULER, "beta_end", float("inf"), "beta_end is inf, expected a number from 0 to 1"),
    (SCHEDULER, "beta_start", float("nan"), "is not JSON: NaN"),
    (
        "tokenizer/tokenizer_config.json",
        "model_max_length",
        1,
        "model_max_length is 1, expected a number of at least",
    ),
    # Values that are possible by themselves
    (UNET, "layers_per_block", 900, "unet in .* has .* tensors in its files, and its configuration asks for more"),
    (UNET, "act_fn", "x", "unet cannot be loaded from"),
    (VAE, "up_block_types", [], "a vae without many of the weights in its files"),
    (ENCODER, "vocab_size", 40, "text_encoder .* has other shapes than its config.json says"),
    (SCHEDULER, "beta_end", 1, "a noise schedule that computes NaN or infinity"),
]
"""File, key, value, and the problem."""

WRITTEN = [
    (UNET, b"\xff\xfe{", "is not JSON: 'utf-8' codec"),
    (UNET, b"[" * 200_000, "is not JSON"),
    (UNET, b'{"a": "' + b"x" * 6_000_000, "has more than 5,000,000 bytes"),
    ("tokenizer/tokenizer.json", b'{"version": "1.0", "model"', "tokenizer cannot be loaded from"),
    ("tokenizer/tokenizer.json", bytes(41_000_000), "has more than 40,000,000 bytes"),
]
"""File, content, and the problem."""


def problem(folder: Path) -> str:
    report = check_model("m", ModelConfig(source=str(folder)), None, WorkerSettings(device="cpu"))
    assert report.problem is not None
    assert "\n" not in report.problem
    return report.problem


def edit(path: Path, key: str, value: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))


@pytest.mark.parametrize(("file", "key", "value", "message"), EDITED)
def test_values_are_refused_by_name(folder: Path, file: str, key: str, value: Any, message: str) -> None:
    edit(folder / file, key, value)
    found = problem(folder)
    assert re.search(message.replace("[0, 0]", r"\[0, 0\]"), found), found


@pytest.mark.parametrize(("file", "content", "message"), WRITTEN, ids=lambda value: str(value)[:30])
def test_contents_are_refused_by_name(folder: Path, file: str, content: bytes, message: str) -> None:
    (folder / file).write_bytes(content)
    assert message in problem(folder)


@pytest.mark.parametrize("file", [UNET, SCHEDULER, "tokenizer/merges.txt", f"unet/{WEIGHTS}"])
def test_nothing_waits_for_a_pipe(folder: Path, file: str) -> None:
    (folder / file).unlink(missing_ok=True)
    os.mkfifo(folder / file)
    assert re.search("is not a file|has no (weights|unet|scheduler)", problem(folder))


def test_a_vocabulary_of_another_model(folder: Path) -> None:
    path = folder / "tokenizer" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"] |= {"lighthouse</w>": len(tokenizer["model"]["vocab"])}
    path.write_text(json.dumps(tokenizer))
    assert "they are of different models" in problem(folder)


def test_an_index_names_files_of_its_own_folder(folder: Path) -> None:
    (folder / "unet" / WEIGHTS).rename(folder / WEIGHTS)
    index = {"weight_map": {"a": f"../{WEIGHTS}"}}
    (folder / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    assert "expected files in its own folder" in problem(folder)


def test_values_that_fit_the_weights_and_not_each_other(tmp_path: Path) -> None:
    save_flux(tmp_path / "flux")
    edit(tmp_path / "flux" / TRANSFORMER, "axes_dims_rope", [2, 2, 2])
    assert "its components do not fit together" in problem(tmp_path / "flux")


def test_a_worker_does_not_start_with_a_damaged_model(folder: Path) -> None:
    edit(folder / UNET, "act_fn", "x")
    with pytest.raises(CatalogInvalid, match="model 'tiny': unet cannot be loaded from"):
        create_engine(WorkerSettings(device="cpu"), [entry(folder)])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "NaN or infinity in conv_in.weight"),
        (float("-inf"), "NaN or infinity in conv_in.weight"),
        (0.0, "zeros in conv_in.weight"),
    ],
)
def test_weights_without_use_are_refused_by_name(folder: Path, value: float, message: str) -> None:
    tensors = load_file(folder / "unet" / WEIGHTS)
    tensors["conv_in.weight"].fill_(value) if value == 0 else tensors["conv_in.weight"][1, 2, 0, 1].fill_(value)
    save_file(tensors, folder / "unet" / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ModelLoadFailed, match=message):
        load_pipeline(entry(folder), CPU, torch.float32)


def test_a_file_that_changes_while_it_is_read(folder: Path) -> None:
    with pytest.raises(ModelLoadFailed, match=rf"{WEIGHTS} changed while it was read"), unchanged(folder):
        (folder / "unet" / WEIGHTS).write_bytes(b"")
