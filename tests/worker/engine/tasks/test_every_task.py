"""Every task on every family, with all kinds of schedulers: alone and in batches the image is the stock one."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import signature

import numpy as np
import pytest
from diffusers import StableDiffusionImg2ImgPipeline

from renderq.contract.requests import VARIATION_STRENGTH
from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from renderq_worker.engine import (
    Canceled,
    Depth2Img,
    Event,
    GenerationSpec,
    Img2Img,
    Inpaint,
    Pixels,
    Stepped,
    Task,
    Txt2Img,
    Upscale,
    Variation,
    outpaint,
)
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec, with_changes
from tests.worker.engine.faults import poisoned_by
from tests.worker.engine.reference_pipeline import SCHEDULERS, reference_pixels
from tests.worker.engine.tasks.test_inpaint import pasted, right_half

KINDS = ["ddim", "euler_a", "dpmpp_2m", "heun", "lcm", "pndm", "dpmpp_2m_sde", "unipc"]
"""Schedulers: deterministic, ancestral, multistep, two calls per step, for distilled models, with a repeated step,
multistep with noise, predictor-corrector."""

MORE_KINDS = ["dpm2_a", "deis", "dpmpp_3m_sde", "tcd"]
"""Calls at different amounts of noise with noise of its own, exponential integrator, third order, trajectory."""

SIZE = (72, 56)
"""Latents of 9 × 7, which a UNet cannot halve evenly."""

UPSCALED = (80, 48)
"""From an image whose width and height are multiples of 4."""

Make = Callable[[int], Task]
"""Makes a task from a seed, so that no two images have the same input."""


def _input_image(seed: int) -> Pixels:
    return random_image(*SIZE, seed)


def _inpaint(seed: int) -> Inpaint:
    """The mask's edge lies inside a block of latents."""
    width, height = SIZE
    return Inpaint(_input_image(seed), right_half(width + 8, height)[:, :width], 1.0 - seed % 2 * 0.4)


def _txt2img(_: int) -> Txt2Img:
    return Txt2Img()


def _img2img(seed: int) -> Img2Img:
    return Img2Img(_input_image(seed), 0.6)


def _variation(seed: int) -> Variation:
    return Variation(_input_image(seed))


def _outpaint(seed: int) -> Inpaint:
    return outpaint(random_image(56, 40, seed), block=8, left=16, bottom=16)


def _depth2img(seed: int) -> Depth2Img:
    return Depth2Img(_input_image(seed), random_image(48, 40)[..., seed % 3], 0.8)


def _upscale(seed: int) -> Upscale:
    return Upscale(random_image(20, 12, seed), 10 * seed)


TABLE: Mapping[str, Sequence[tuple[Make, Sequence[str | None]]]] = {
    "tiny": [
        (_txt2img, [*SCHEDULERS, None, None, None]),
        (_img2img, KINDS + MORE_KINDS),
        (_variation, KINDS[::4]),
        (_inpaint, KINDS + MORE_KINDS),
        (_outpaint, KINDS[1::4]),
    ],
    "velocity": [(_txt2img, [*KINDS, None, None]), (_img2img, KINDS[::3])],
    "inpainting": [(_inpaint, KINDS), (_outpaint, KINDS[1::3])],
    "depth": [(_depth2img, KINDS)],
    "upscaler": [(_upscale, KINDS)],
    "xl": [(task, KINDS[place::5]) for place, task in enumerate([_txt2img, _img2img, _inpaint, _outpaint, _variation])],
    "xl_inpainting": [(_inpaint, ["euler_a", "dpmpp_2m"])],
    "fast": [(_txt2img, ["ddim"]), (_img2img, ["unipc"])],
}
"""Model → its tasks with the schedulers to test; None is the model's own."""

on_every_model = pytest.mark.parametrize(
    ("model", "dtype"), [(model, dtype) for model in TABLE for dtype in ("float32", "bfloat16")]
)


@pytest.fixture
def entry(request: pytest.FixtureRequest, model: str, dtype: str) -> ModelEntry:
    entry: ModelEntry = request.getfixturevalue(model)
    return entry.model_copy(update={"dtype": dtype})


@cache
def images(model: str, dtype: str) -> Sequence[GenerationSpec]:
    """Return one image per task and scheduler; schedule and guidance alternate, and each dtype has other guidance."""
    return [
        _image(model, task, scheduler, number, is_guided=(place + number + (dtype == "float32")) % 2 == 0)
        for place, (task, schedulers) in enumerate(TABLE[model])
        for number, scheduler in enumerate(schedulers, start=30 * place)
    ]


def _image(model: str, task: Make, scheduler: str | None, number: int, *, is_guided: bool) -> GenerationSpec:
    width, height = UPSCALED if task is _upscale else SIZE
    schedules = (*NOISE_SCHEDULERS[scheduler].schedules, None) if scheduler else (None,)
    return spec(
        number,
        model="shapes" if model == "fast" else model,
        task=task(number),
        scheduler=scheduler,
        schedule=schedules[number % len(schedules)],
        steps=3 + number % 3,
        guidance_scale=5.0 if is_guided else float(number // 2 % 2),
        guidance_rescale=number % 2 * 0.5 if task is _txt2img else 0.0,
        prompt=f"picture {number}",
        negative_prompt="" if number % 3 == 0 else "blurry",
        width=width,
        height=height,
    )


@cache
def expected_pixels(entry: ModelEntry, image: GenerationSpec) -> Pixels:
    """Return the stock image, with the kept pixels pasted over it."""
    made = reference_pixels(entry, image)
    return pasted(made, image.task.image, image.task.mask) if isinstance(image.task, Inpaint) else made


@on_every_model
def test_alone_it_is_the_stock_image(entry: ModelEntry, model: str, dtype: str) -> None:
    for image in images(model, dtype):
        np.testing.assert_array_equal(render_alone(entry, image), expected_pixels(entry, image), err_msg=str(image))


@on_every_model
def test_among_strangers_that_come_go_and_break_it_is_the_same(entry: ModelEntry, model: str, dtype: str) -> None:
    crowd = images(model, dtype)
    harness = EngineHarness([entry], shape=(crowd[0].width, crowd[0].height))
    leaving = with_changes(crowd[0], id="leaving", steps=9)
    breaking = with_changes(crowd[-1], id="breaking", steps=9, guidance_scale=1e30)

    def leave(event: Event) -> None:
        harness.events.append(event)
        if isinstance(event, Stepped) and event.step == 2:
            harness.engine.cancel([event.generation_id])

    harness.engine.submit([leaving], leave)
    harness.submit(breaking)
    for image in crowd:
        harness.submit(image)
        harness.tick(2)
    harness.finish()
    assert harness.final_event(leaving.id) == Canceled(leaving.id)
    assert harness.failed(breaking.id).code == "nan_output"
    assert any(isinstance(event, Stepped) for event in harness.events_of(breaking.id))
    for image in crowd:
        np.testing.assert_array_equal(harness.pixels(image.id), expected_pixels(entry, image), err_msg=str(image))
        assert harness.stats(image.id).exactness == "stock"
    if harness.models.get(entry.name).batch_invariance.is_invariant(crowd[0].rows):
        assert max(harness.stats(image.id).batch_width_mean for image in crowd) > 1


def test_in_fast_batches_at_most_the_last_bit_changes_even_beside_one_that_raises(tiny: ModelEntry) -> None:
    crowd = [image for image in images("tiny", "float32") if image.sampling.scheduler in ("euler_a", "heun")]
    harness = EngineHarness([tiny], batching="fast", shape=SIZE, inject_fault=poisoned_by("poison"))
    harness.submit(*crowd[:3], with_changes(crowd[0], id="poison", prompt="poison"), *crowd[3:])
    harness.finish()
    assert harness.failed("poison").message == "ValueError: poison"
    assert max(harness.stats(image.id).batch_width_mean for image in crowd) > 1.5
    for image in crowd:
        assert np.abs(harness.pixels(image.id).astype(int) - expected_pixels(tiny, image).astype(int)).max() <= 1


def test_a_variation_is_img2img_at_the_strength_that_stock_has_by_default() -> None:
    assert signature(StableDiffusionImg2ImgPipeline.__call__).parameters["strength"].default == VARIATION_STRENGTH
