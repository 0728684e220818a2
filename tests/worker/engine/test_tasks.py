"""Every task, with samplers of every kind: alone and among strangers the picture is the stock pipeline's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import (
    Canceled,
    Depth2Img,
    GenerationSpec,
    Img2Img,
    Inpaint,
    Pixels,
    Stepped,
    Task,
    Txt2Img,
    Upscale,
    Variation,
)
from tests.worker.engine.stock import stock
from tests.worker.engine.studio import Studio, alone, picture, spec
from tests.worker.engine.test_failures import poisoned_by
from tests.worker.engine.test_inpaint import pasted, right_half

SAMPLERS = ["ddim", "euler_a", "dpmpp_2m", "heun", "lcm"]
"""Deterministic, drawing noise, with a memory, of two calls per step, for distilled models."""


@dataclass(frozen=True)
class Case:
    """A task on a model that can do it."""

    model: str
    task: Callable[[int], Task]
    """Made from a seed, so that no two images have the same input."""


CASES = {
    "txt2img": Case("tiny", lambda _: Txt2Img()),
    "img2img": Case("tiny", lambda seed: Img2Img(picture(seed=seed), 0.6)),
    "variation": Case("tiny", lambda seed: Variation(picture(seed=seed))),
    "inpaint by blending": Case("tiny", lambda seed: Inpaint(picture(seed=seed), right_half(), 1.0 - seed % 2 * 0.4)),
    "inpaint by channels": Case(
        "inpainting", lambda seed: Inpaint(picture(seed=seed), right_half(), 1.0 - seed % 2 * 0.4)
    ),
    "depth2img": Case("depth", lambda seed: Depth2Img(picture(seed=seed), picture(48, 40)[..., seed % 3], 0.8)),
    "upscale": Case("upscaler", lambda seed: Upscale(picture(16, 16, seed), 10 * seed)),
}


def wanted(case: Case, sampler: str, number: int, **changes: Any) -> GenerationSpec:
    """Odd ones without guidance, and with their own number of steps."""
    guidance = 1.0 if number % 2 else 5.0
    task = case.task(number)
    return spec(
        number,
        **{"model": case.model, "scheduler": sampler, "steps": 5 + number % 3, "guidance_scale": guidance, "task": task}
        | changes,
    )


def judged(entry: ModelEntry, each: GenerationSpec) -> Pixels:
    """The stock picture, with what is kept put back."""
    made = stock(entry, each)
    return pasted(made, each.task.image, each.task.mask) if isinstance(each.task, Inpaint) else made


def in_company(studio: Studio, specs: list[GenerationSpec]) -> None:
    """They arrive one after the other, between each other's steps."""
    for each in specs:
        studio.submit(each)
        studio.tick(2)
    studio.finish()


@pytest.mark.parametrize("name", [name for name in CASES if name != "txt2img"])  # that one is in test_parity
def test_alone_it_is_the_stock_picture(request: pytest.FixtureRequest, name: str) -> None:
    case = CASES[name]
    entry: ModelEntry = request.getfixturevalue(case.model)
    for number, sampler in enumerate(SAMPLERS * 2):  # each once with and once without guidance
        each = wanted(case, sampler, number)
        np.testing.assert_array_equal(alone(entry, each), judged(entry, each), err_msg=sampler)


@pytest.mark.parametrize("model", ["tiny", "inpainting", "depth", "upscaler"])
def test_among_strangers_it_is_the_same(request: pytest.FixtureRequest, model: str) -> None:
    entry: ModelEntry = request.getfixturevalue(model)
    cases = [case for case in CASES.values() if case.model == model]
    specs = [
        wanted(case, sampler, index * len(SAMPLERS) + number)
        for number, sampler in enumerate(SAMPLERS)
        for index, case in enumerate(cases)
    ]
    studio = Studio([entry])
    in_company(studio, specs)
    for each in specs:
        np.testing.assert_array_equal(studio.pixels(each.id), alone(entry, each), err_msg=str(each))
    widths = [studio.stats(each.id).batch_width_mean for each in specs if studio.stats(each.id).batch_invariant]
    assert not widths or max(widths) > 1.5


def test_in_fast_batches_at_most_the_last_bit_changes(tiny: ModelEntry) -> None:
    cases = [case for case in CASES.values() if case.model == "tiny"]
    specs = [wanted(case, "euler_a", number) for number, case in enumerate(cases)]
    studio = Studio([tiny], batching="fast")
    in_company(studio, specs)
    assert max(studio.stats(each.id).batch_width_mean for each in specs) > 1.5
    for each in specs:
        assert np.abs(studio.pixels(each.id).astype(int) - alone(tiny, each).astype(int)).max() <= 1


def test_whoever_leaves_changes_no_neighbours_bytes(tiny_bf16: ModelEntry) -> None:
    cases = [case for case in CASES.values() if case.model == "tiny"]
    specs = [wanted(case, "euler_a", 2 * number, steps=8) for number, case in enumerate(cases)]
    studio = Studio([tiny_bf16])
    studio.submit(*specs)
    leaving, *staying = specs[1], specs[0], *specs[2:]
    while not any(isinstance(event, Stepped) for event in studio.of(leaving.id)):
        studio.tick(1)
    studio.engine.cancel([leaving.id])
    studio.finish()
    assert studio.ending(leaving.id) == Canceled(leaving.id)
    for each in staying:
        np.testing.assert_array_equal(studio.pixels(each.id), alone(tiny_bf16, each))


@pytest.mark.parametrize(
    ("changes", "code"), [({"guidance_scale": 1e38}, "nan_output"), ({"prompt": "poison"}, "internal")]
)
@pytest.mark.parametrize("broken", ["img2img", "inpaint by blending"])
def test_what_breaks_one_image_breaks_no_other(
    tiny: ModelEntry, broken: str, changes: dict[str, Any], code: str
) -> None:
    specs = [wanted(case, "ddim", 2 * n) for n, case in enumerate(CASES.values()) if case.model == "tiny"]
    bad = wanted(CASES[broken], "ddim", 20, **changes)
    studio = Studio([tiny], batching="fast", sabotage=poisoned_by("poison"))
    studio.submit(specs[0], bad, *specs[1:])
    studio.finish()
    assert studio.failed(bad.id).code == code
    for each in specs:
        assert np.abs(studio.pixels(each.id).astype(int) - alone(tiny, each).astype(int)).max() <= 1
