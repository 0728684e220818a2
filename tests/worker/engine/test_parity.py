"""Parity: an image alone in the engine is bit by bit that of diffusers' own pipeline for its seed."""

import numpy as np
import pytest

from renderq.contract import SCHEDULERS
from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from tests.worker.engine.engine_harness import render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference, reference_pixels


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_gives_the_stock_image(tiny: ModelEntry, scheduler: str) -> None:
    request = spec(scheduler=scheduler, guidance_scale=7.5, steps=5)
    np.testing.assert_array_equal(render_alone(tiny, request), reference_pixels(tiny, request))


@pytest.mark.parametrize(
    ("scheduler", "schedule"),
    [
        (None, "trailing"),
        *((name, schedule) for name, info in NOISE_SCHEDULERS.items() for schedule in info.schedules),
    ],
)
def test_every_schedule_gives_the_stock_image(tiny: ModelEntry, scheduler: str | None, schedule: str) -> None:
    request = spec(scheduler=scheduler, schedule=schedule, guidance_scale=1.0, steps=3)
    np.testing.assert_array_equal(render_alone(tiny, request), reference_pixels(tiny, request))


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_the_models_own_scheduler_is_the_default(velocity: ModelEntry, steps: int) -> None:
    request = spec(model="velocity", scheduler=None, steps=steps)
    np.testing.assert_array_equal(render_alone(velocity, request), reference_pixels(velocity, request))


@pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning")
def test_corrections_that_the_pipeline_makes_to_an_outdated_configuration_are_kept(outdated: ModelEntry) -> None:
    request = spec(model="outdated", scheduler=None, steps=5)
    assert load_reference(outdated).scheduler.config.steps_offset == 1
    np.testing.assert_array_equal(render_alone(outdated, request), reference_pixels(outdated, request))


def test_any_size_that_is_a_multiple_of_8_and_any_prompt(tiny: ModelEntry) -> None:
    for changes in ({"width": 96, "height": 48}, {"prompt": "", "negative_prompt": ""}, {"prompt": "(a) cat:2"}):
        request = spec(**changes)
        np.testing.assert_array_equal(render_alone(tiny, request), reference_pixels(tiny, request))


def test_bfloat16_gives_the_stock_bfloat16_image(tiny_bf16: ModelEntry) -> None:
    request = spec(scheduler="euler")
    np.testing.assert_array_equal(render_alone(tiny_bf16, request), reference_pixels(tiny_bf16, request))
