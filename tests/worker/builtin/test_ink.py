"""The LoRA that ships: outlines on white paper."""

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


def test_a_circle_on_blue_becomes_an_outline_on_white() -> None:
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
    assert (pixels[:40].min(axis=-1) > 150).mean() > 0.9  # paper instead of blue
    assert (pixels[112:144, 112:144].min(axis=-1) > 150).mean() > 0.5  # paper inside of the line
    assert (pixels.min(axis=-1) < 120).mean() > 0.03  # the line
