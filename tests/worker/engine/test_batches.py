"""Images that share forward passes with strangers look as if they had been alone."""

import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import GenerationSpec
from tests.worker.engine.studio import Studio, alone, spec

DETERMINISTIC = ["ddim", "pndm", "euler", "dpmpp_2m", "dpmpp_2m_karras", "unipc", "heun"]
STOCHASTIC = ["ddpm", "euler_a", "dpmpp_2m_sde", "lcm"]


def mixed() -> list[GenerationSpec]:
    """Every sampler, with other prompts, steps, guidance and seeds; some without guidance."""
    return [
        spec(number, scheduler=scheduler, prompt=f"picture {number}", steps=4 + number % 4, guidance_scale=number % 5)
        for number, scheduler in enumerate(DETERMINISTIC + STOCHASTIC)
    ]


def in_company(studio: Studio, specs: list[GenerationSpec]) -> None:
    """They arrive and leave one after the other, between each other's steps."""
    for each in specs:
        studio.submit(each)
        studio.tick(3)
    studio.finish()


def test_fast_batches_change_at_most_the_last_bit(tiny: ModelEntry) -> None:
    studio, specs = Studio([tiny], batching="fast"), mixed()
    in_company(studio, specs)
    for each in specs:
        difference = studio.pixels(each.id).astype(int) - alone(tiny, each).astype(int)
        assert np.abs(difference).max() <= 1, each.scheduler
    assert max(studio.stats(each.id).batch_width_mean for each in specs) > 2


def test_exact_batches_change_nothing(tiny_bf16: ModelEntry) -> None:
    studio, specs = Studio([tiny_bf16]), mixed()
    in_company(studio, specs)
    for each in specs:
        np.testing.assert_array_equal(studio.pixels(each.id), alone(tiny_bf16, each), err_msg=str(each.scheduler))
    if not studio.stats(specs[0].id).batch_invariant:
        pytest.skip("on this machine bfloat16 is not batch-invariant: everyone was alone")
    assert max(studio.stats(each.id).batch_width_mean for each in specs) > 2


def test_exact_batching_keeps_images_alone_where_the_model_is_not_batch_invariant(tiny: ModelEntry) -> None:
    studio, specs = Studio([tiny]), mixed()[:4]
    in_company(studio, specs)
    if studio.stats(specs[0].id).batch_invariant:
        pytest.skip("on this machine even float32 is batch-invariant")
    assert {studio.stats(each.id).batch_width_mean for each in specs} == {1.0}


def test_different_sides_do_not_share_a_forward_pass(tiny: ModelEntry) -> None:
    studio = Studio([tiny], batching="fast")
    studio.submit(spec(0), spec(1, width=96))
    studio.finish()
    assert studio.stats("job/0").batch_width_mean == studio.stats("job/1").batch_width_mean == 1.0
    np.testing.assert_array_equal(studio.pixels("job/1"), alone(tiny, spec(1, width=96)))


def test_two_models_take_turns_and_keep_their_pictures(tiny: ModelEntry, velocity: ModelEntry) -> None:
    studio = Studio([tiny, velocity], batching="fast", budget_bytes=1000)  # one model at a time
    specs = [spec(0, steps=30), spec(1, model="velocity", scheduler=None)]
    in_company(studio, specs)
    np.testing.assert_array_equal(studio.pixels("job/0"), alone(tiny, specs[0]))
    np.testing.assert_array_equal(studio.pixels("job/1"), alone(velocity, specs[1]))


def test_image_k_of_a_job_can_be_made_alone(tiny: ModelEntry) -> None:
    studio = Studio([tiny])
    studio.submit(*(spec(number, seed=100 + number) for number in range(4)))
    studio.finish()
    np.testing.assert_array_equal(studio.pixels("job/3"), alone(tiny, spec(0, seed=103)))
