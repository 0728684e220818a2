"""The shipped pipeline, loaded once."""

from collections.abc import Iterator

import pytest
import torch
from diffusers import StableDiffusionPipeline

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.evaluate import load_pipeline


@pytest.fixture(scope="session")
def pipeline() -> Iterator[StableDiffusionPipeline]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_pipeline(PIPELINE_DIR)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def side(pipeline: StableDiffusionPipeline) -> int:
    """Width and height of the images that it was trained with, in pixels."""
    return pipeline.unet.config.sample_size * pipeline.vae_scale_factor
