"""Images keep their bits when they share forward passes with images of others."""

from typing import Any

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import EngineSettings, GenerationSpec, Stepped
from renderq_worker.engine.batch_invariance import BatchInvariance, InvarianceTracker
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.families import load_family
from tests.worker.engine.engine_harness import EngineHarness, render_alone, spec

DETERMINISTIC = ["ddim", "pndm", "euler", "dpmpp_2m", "dpmpp_2m_karras", "unipc", "heun"]
STOCHASTIC = ["ddpm", "euler_a", "dpmpp_2m_sde", "lcm"]


def mixed() -> list[GenerationSpec]:
    """Return one image per scheduler, with different prompts, steps, guidance and seeds; some without guidance."""
    return [
        spec(number, scheduler=scheduler, prompt=f"picture {number}", steps=4 + number % 4, guidance_scale=number % 5)
        for number, scheduler in enumerate(DETERMINISTIC + STOCHASTIC)
    ]


def render_together(harness: EngineHarness, specs: list[GenerationSpec]) -> None:
    """Submit them one after the other, between each other's steps."""
    for each in specs:
        harness.submit(each)
        harness.tick(3)
    harness.finish()


def test_fast_batches_change_at_most_the_last_bit(tiny: ModelEntry) -> None:
    harness, specs = EngineHarness([tiny], batching="fast"), mixed()
    render_together(harness, specs)
    for each in specs:
        difference = harness.pixels(each.id).astype(int) - render_alone(tiny, each).astype(int)
        assert np.abs(difference).max() <= 1, each.sampling.scheduler
        assert harness.stats(each.id).exactness == "loose"
    assert max(harness.stats(each.id).batch_width_mean for each in specs) > 2


def test_an_image_that_was_never_in_a_batch_is_the_stock_one_in_fast_batches_too(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast")
    harness.submit(spec(0))
    harness.finish()
    assert harness.stats("job/0").exactness == "stock"


def test_what_a_comparison_takes_is_not_what_the_batch_takes(tiny: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    harness, recorded = EngineHarness([tiny], wide_batches=False), list[int]()
    harness.assume_wide_batches_pay(tiny)
    monkeypatch.setattr(harness.batch_sizes, "record", lambda key, rows, seconds: recorded.append(rows))
    harness.submit(spec(0, steps=6), spec(1, steps=6))
    harness.finish()
    widths = [2, 2] * 6 if harness.stats("job/0").batch_width_mean == 1 else [4] * 5
    assert recorded == widths


@pytest.mark.parametrize(
    ("probed", "widest"),
    [
        (BatchInvariance(guided_rows=8, unguided_rows=4), {(2,): 8, (1,): 4, (1, 2): 4}),
        (BatchInvariance(guided_rows=4, unguided_rows=8), {(2,): 4, (1,): 8}),
        (BatchInvariance(guided_rows=8, unguided_rows=1), {(2,): 8, (1,): 1}),
    ],
)
def test_exact_batches_are_no_wider_than_was_probed(
    tiny: ModelEntry, probed: BatchInvariance, widest: dict[tuple[int, ...], int]
) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(99, steps=1))
    harness.finish()
    family: Any = harness.models.get("tiny")
    family._invariance_tracker, family._exact = InvarianceTracker(probed), False  # trust the probe
    waves = [[5.0] * 5, [1.0] * 9, [1.0, 1.0, 5.0] * 2]
    seen: dict[tuple[int, ...], int] = {}
    for number, wave in enumerate(waves):
        rows = {f"{number}/{place}": 2 if scale > 1 else 1 for place, scale in enumerate(wave)}
        harness.submit(*(spec(id=f"{number}/{place}", guidance_scale=scale) for place, scale in enumerate(wave)))
        while not harness.engine.is_empty():
            harness.events.clear()
            harness.step()
            batch = [rows[event.generation_id] for event in harness.events if isinstance(event, Stepped)]
            if batch:
                kind = tuple(sorted(set(batch)))
                seen[kind] = max(seen.get(kind, 0), sum(batch))
    assert seen == widest


def test_different_sizes_do_not_share_a_forward_pass(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast")
    harness.submit(spec(0), spec(1, width=96))
    harness.finish()
    assert harness.stats("job/0").batch_width_mean == harness.stats("job/1").batch_width_mean == 1.0
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(tiny, spec(1, width=96)))


def test_two_models_take_turns_and_keep_their_images(tiny: ModelEntry, velocity: ModelEntry) -> None:
    harness = EngineHarness([tiny, velocity], batching="fast", budget_bytes=1000)  # one model at a time
    specs = [spec(0, steps=30), spec(1, model="velocity", scheduler=None)]
    render_together(harness, specs)
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(tiny, specs[0]))
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(velocity, specs[1]))


def test_image_k_of_a_job_can_be_made_alone(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(*(spec(number, seed=100 + number) for number in range(4)))
    harness.finish()
    np.testing.assert_array_equal(harness.pixels("job/3"), render_alone(tiny, spec(0, seed=103)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_not_even_the_last_bit_of_a_prediction_depends_on_the_batch(tiny: ModelEntry, dtype: str) -> None:
    family = load_family(tiny.model_copy(update={"dtype": dtype}), EngineSettings(device="cpu", batching="exact"))
    with torch.inference_mode():
        states = [family.prepare(spec(number)) for number in range(family.batch_invariance.guided_rows // 2)]
        for state, together in zip(states, family.predict(states), strict=True):
            [alone_prediction] = family.predict([state])
            assert torch.equal(together, alone_prediction)
    assert family.invariance_checks == (len(states) > 1)
    found = family.batch_invariance_for(BatchKey(tiny.name, tiny.revision, 64, 64))
    assert found == family.batch_invariance, "the batch itself had other bits"
