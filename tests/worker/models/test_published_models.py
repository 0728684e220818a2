"""Unusual values and weights of published models, which checks accept."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderDC,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    SanaTransformer2DModel,
    UniPCMultistepScheduler,
)
from diffusers import UNet2DConditionModel as UNet
from torch import nn
from transformers import DPTForDepthEstimation, Gemma2Model

from renderq_shared.catalog.config_values import read_config
from renderq_worker.models.config_types import check_types
from renderq_worker.models.loading import load_pipeline, rehearse
from renderq_worker.models.weight_values import check_values
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline

CONFIGS = [
    (UNet, "transformer_layers_per_block", [0, [2, 2], [4, 4]]),  # SSD-1B
    (UNet, "reverse_transformer_layers_per_block", [[4, 4, 10], [2, 1, 1], 1]),
    (UNet, "attention_head_dim", [5, 10, 20]),
    (UNet, "only_cross_attention", [True, True, True, False]),
    (UNet, "upcast_attention", None),
    (SanaTransformer2DModel, "interpolation_scale", 2.0),  # 4K
    (AutoencoderDC, "encoder_qkv_multiscales", [[], [], [], [5], [5], [5]]),
    (UniPCMultistepScheduler, "sigma_max", 80.0),
    (FlowMatchEulerDiscreteScheduler, "shift", None),  # shifted by the size of the image
    (DDIMScheduler, "clip_sample_range", None),
    (DPTForDepthEstimation, "reassemble_factors", [1, 1, 1, 0.5]),
    (Gemma2Model, "eos_token_id", [1, 107]),
]
"""Class, key and value."""


@pytest.mark.parametrize(("component_class", "key", "value"), CONFIGS)
def test_values(component_class: Any, key: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({key: value}))
    check_types(path, read_config(path), component_class)


def test_a_text_encoder_of_many_layers_beside_a_component_without_library(tmp_path: Path) -> None:
    save_pipeline(tmp_path, DDIMScheduler(**SD1_SCHEDULER), text_layers=70)
    index = json.loads((tmp_path / "model_index.json").read_text())
    index["safety_checker"] = [None, "StableDiffusionSafetyChecker"]
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    pipeline: Any = load_pipeline(entry(tmp_path), torch.device("cpu"), torch.float32)
    assert pipeline.safety_checker is None


def test_a_scheduler_that_limits_samples_by_their_own_values(tmp_path: Path) -> None:
    """As DeepFloyd IF has it; the limit depends on values that a rehearsal lacks."""
    save_pipeline(tmp_path, DDIMScheduler(**SD1_SCHEDULER, thresholding=True))
    rehearse(entry(tmp_path))


def test_an_unused_row_of_zeros_and_numbers_of_8_bits() -> None:
    module = nn.Module()
    module.token_types = nn.Embedding.from_pretrained(torch.zeros(1, 8))
    module.quantized = nn.Parameter(torch.ones(2, 2).to(torch.float8_e4m3fn), requires_grad=False)
    check_values({"text_encoder": module})
