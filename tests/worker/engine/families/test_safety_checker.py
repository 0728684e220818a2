"""Models with a safety checker."""

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Img2Img, Txt2Img, Warned
from tests.worker.engine.engine_harness import EngineHarness, random_image, spec
from tests.worker.engine.reference_pipeline import reference_pixels_of

SIZE = 32


def checker(*, strict: bool) -> StableDiffusionSafetyChecker:
    """Flags everything or nothing."""
    vision = {"image_size": SIZE, "patch_size": 16, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    made = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision | {"num_attention_heads": 2}, projection_dim=8))
    for weights in (made.concept_embeds_weights, made.special_care_embeds_weights):
        weights.data.fill_(-2.0 if strict else 2.0)
    return made.eval()


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("task", [Txt2Img(), Img2Img(random_image(), 0.6)])
def test_what_it_flags_is_black_and_the_job_says_so(tiny: ModelEntry, task: Txt2Img | Img2Img, strict: bool) -> None:
    pipelines: list[StableDiffusionPipeline] = []

    def attach(pipeline: StableDiffusionPipeline) -> None:
        size = {"height": SIZE, "width": SIZE}
        pipeline.register_modules(
            safety_checker=checker(strict=strict), feature_extractor=CLIPImageProcessor(size=size, crop_size=size)
        )
        pipelines.append(pipeline)

    harness, request = EngineHarness([tiny], inject_fault=attach), spec(task=task)
    harness.submit(request)
    harness.finish()
    np.testing.assert_array_equal(harness.pixels(request.id), reference_pixels_of(pipelines[0], request))
    assert (harness.pixels(request.id) == 0).all() == strict
    warned = [event.code for event in harness.events_of(request.id) if isinstance(event, Warned)]
    assert warned == (["unsafe_content"] if strict else [])
