"""Alone in the engine, a picture is bit for bit the one that diffusers' own pipeline makes for that seed."""

from typing import Any

import diffusers
import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry, load_catalog
from tests.worker.engine.studio import alone, spec, stock, stock_pipeline

STOCK: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "plms": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lms": ("LMSDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
"""How a user of diffusers would choose each of our samplers."""


@pytest.mark.parametrize("guidance", [7.5, 1.0])
@pytest.mark.parametrize("scheduler", STOCK)
def test_every_sampler_gives_the_stock_picture(tiny: ModelEntry, scheduler: str, guidance: float) -> None:
    pipeline = stock_pipeline(tiny.source)
    name, changes = STOCK[scheduler]
    pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config, **changes)
    wanted = spec(scheduler=scheduler, guidance_scale=guidance, steps=5)
    np.testing.assert_array_equal(alone(tiny, wanted), stock(pipeline, wanted))


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_the_models_own_sampler_is_the_default(velocity: ModelEntry, steps: int) -> None:
    wanted = spec(model="velocity", scheduler=None, steps=steps)
    np.testing.assert_array_equal(alone(velocity, wanted), stock(stock_pipeline(velocity.source), wanted))


@pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning")
def test_corrections_that_the_pipeline_makes_to_an_outdated_configuration_are_kept(outdated: ModelEntry) -> None:
    wanted = spec(model="outdated", scheduler=None, steps=5)
    pipeline = stock_pipeline(outdated.source)
    assert pipeline.scheduler.config.steps_offset == 1
    np.testing.assert_array_equal(alone(outdated, wanted), stock(pipeline, wanted))


def test_any_side_that_is_a_multiple_of_8_and_any_prompt(tiny: ModelEntry) -> None:
    pipeline = stock_pipeline(tiny.source)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    for changes in ({"width": 96, "height": 48}, {"prompt": "", "negative_prompt": ""}, {"prompt": "sea, " * 400}):
        wanted = spec(**changes)
        np.testing.assert_array_equal(alone(tiny, wanted), stock(pipeline, wanted))


def test_bfloat16_gives_the_stock_bfloat16_picture(tiny_bf16: ModelEntry) -> None:
    import torch

    pipeline = stock_pipeline(tiny_bf16.source, torch.bfloat16)
    pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    wanted = spec(scheduler="euler")
    np.testing.assert_array_equal(alone(tiny_bf16, wanted), stock(pipeline, wanted))


def test_the_built_in_model() -> None:
    [entry] = load_catalog(None).models
    wanted = spec(model=entry.name, scheduler=None, prompt="a red circle on a blue background", guidance_scale=2.0)
    np.testing.assert_array_equal(alone(entry, wanted), stock(stock_pipeline(entry.source), wanted))
