"""The LoRA that ships: black ink on white paper."""

from pathlib import Path

import numpy as np
import pytest
import torch

from renderq_shared.catalog import load_catalog
from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.evaluate import load_pipeline
from renderq_worker.models.loading import check_startable

pytestmark = pytest.mark.filterwarnings("ignore:While injecting the PEFT adapters:RuntimeWarning")


def test_it_fits_the_built_in_model() -> None:
    check_startable(load_catalog(None).default)


def test_a_red_circle_on_blue_becomes_black_on_white() -> None:
    [lora] = load_catalog(None).default.loras
    path, pipeline = Path(lora.source), load_pipeline(PIPELINE_DIR)
    assert path.stat().st_size <= 1_500_000
    pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name="ink")
    pipeline.set_adapters(["ink"], [1.0])
    [image] = pipeline(
        "a red circle on a blue background",
        num_inference_steps=10,
        guidance_scale=2.0,
        generator=torch.Generator().manual_seed(0),
    ).images
    pixels = np.asarray(image).astype(int)
    assert (pixels[:24].min(axis=-1) > 200).mean() > 0.9
    assert (pixels[96:160, 96:160].max(axis=-1) < 80).mean() > 0.9
