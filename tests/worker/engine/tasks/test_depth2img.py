"""depth2img: images with the depth of another one."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionDepth2ImgPipeline
from PIL import Image

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Depth2Img
from tests.worker.engine.engine_harness import EngineHarness, loaded_family, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference


@pytest.mark.filterwarnings("ignore:In CPU autocast, but the target dtype is not supported:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_without_a_map_the_models_estimator_is_used(depth: ModelEntry, dtype: str) -> None:
    image, entry = random_image(72, 56), depth.model_copy(update={"dtype": dtype})
    request = spec(model="depth", width=72, height=56, task=Depth2Img(image, None, 0.7))
    render_alone(entry, request)
    reference, pil = load_reference(entry), Image.fromarray(image)
    with torch.inference_mode():
        depth_channel = loaded_family(entry).prepare(request).prepared.extra_channels
        expected = reference.prepare_depth_map(pil, None, 1, False, getattr(torch, dtype), torch.device("cpu"))
    assert expected.std() > 0.1
    assert torch.equal(depth_channel, expected)


def test_a_flat_map_is_a_wall_and_not_nan(depth: ModelEntry) -> None:
    flat = np.full((64, 64), 200, np.uint8)
    render_alone(depth, spec(model="depth", scheduler=None, task=Depth2Img(random_image(), flat, 0.7)))


def test_a_model_without_an_estimator_asks_for_a_map(depth: ModelEntry) -> None:
    def take_estimator(pipeline: StableDiffusionDepth2ImgPipeline) -> None:
        pipeline.depth_estimator = None

    harness = EngineHarness([depth], inject_fault=take_estimator)
    harness.submit(spec(model="depth", task=Depth2Img(random_image(), None, 0.7)))
    harness.finish()
    assert harness.failed("job/0").message == "model 'depth' has no depth estimator; send a depth_map"
