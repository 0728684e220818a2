"""Alone in the engine, a picture is bit for bit the one that diffusers' own pipeline makes for that seed."""

import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry
from tests.worker.engine.stock import SAMPLERS, loaded, stock
from tests.worker.engine.studio import alone, spec


@pytest.mark.parametrize("scheduler", SAMPLERS)
def test_every_sampler_gives_the_stock_picture(tiny: ModelEntry, scheduler: str) -> None:
    wanted = spec(scheduler=scheduler, guidance_scale=7.5, steps=5)
    np.testing.assert_array_equal(alone(tiny, wanted), stock(tiny, wanted))


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_the_models_own_sampler_is_the_default(velocity: ModelEntry, steps: int) -> None:
    wanted = spec(model="velocity", scheduler=None, steps=steps)
    np.testing.assert_array_equal(alone(velocity, wanted), stock(velocity, wanted))


@pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning")
def test_corrections_that_the_pipeline_makes_to_an_outdated_configuration_are_kept(outdated: ModelEntry) -> None:
    wanted = spec(model="outdated", scheduler=None, steps=5)
    assert loaded(outdated).scheduler.config.steps_offset == 1
    np.testing.assert_array_equal(alone(outdated, wanted), stock(outdated, wanted))


def test_any_side_that_is_a_multiple_of_8_and_any_prompt(tiny: ModelEntry) -> None:
    for changes in ({"width": 96, "height": 48}, {"prompt": "", "negative_prompt": ""}, {"prompt": "(a) cat:2"}):
        wanted = spec(**changes)
        np.testing.assert_array_equal(alone(tiny, wanted), stock(tiny, wanted))


def test_bfloat16_gives_the_stock_bfloat16_picture(tiny_bf16: ModelEntry) -> None:
    wanted = spec(scheduler="euler")
    np.testing.assert_array_equal(alone(tiny_bf16, wanted), stock(tiny_bf16, wanted))
