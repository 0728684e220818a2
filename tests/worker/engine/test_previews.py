"""Previews show the image to come, do not change it, and are made only on request."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from renderq_worker.engine import EngineSettings, Previewed
from renderq_worker.engine.families import Family, load_family
from renderq_worker.engine.families.latent_preview import latents_to_preview
from renderq_worker.engine.latents import LatentState
from renderq_worker.engine.preview import TimeBudget, predict_x0
from tests.fast_model.catalog import fast_model
from tests.worker.engine.engine_harness import EngineHarness, render_alone, spec
from tests.worker.engine.test_batches import mixed

SHAPES = fast_model()
A_CIRCLE = spec(
    model=SHAPES.name, prompt="a red circle on a blue background", scheduler=None, guidance_scale=2.0, steps=4
)


@pytest.fixture
def unlimited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the time budget of previews."""
    monkeypatch.setattr("renderq_worker.engine.preview.MAX_TIME_SHARE", 1e9)


@pytest.fixture(scope="module")
def families(tiny: ModelEntry, velocity: ModelEntry) -> dict[str, Family]:
    settings = EngineSettings(device="cpu", batching="fast")
    return {entry.name: load_family(entry, settings) for entry in (tiny, velocity)}


def previews(harness: EngineHarness, id: str) -> list[Previewed]:
    return [event for event in harness.events_of(id) if isinstance(event, Previewed)]


def finish_with_previews(harness: EngineHarness, *ids: str) -> None:
    harness.engine.preview(ids)
    while harness.step():
        harness.engine.preview(ids)


def count_decodes(shapes: list[tuple[int, ...]], pipeline: StableDiffusionPipeline) -> None:
    decode = pipeline.vae.decode

    def counted(latents: Tensor, *arguments: object, **options: object) -> object:
        shapes.append(tuple(latents.shape))
        return decode(latents, *arguments, **options)

    pipeline.vae.decode = counted


@pytest.mark.usefixtures("unlimited_time")
def test_images_keep_every_bit_in_company_with_previews_of_all(tiny: ModelEntry) -> None:
    harness, specs = EngineHarness([tiny]), mixed()
    for each in specs:
        harness.submit(each)
        harness.engine.preview([each.id for each in specs])
        harness.tick(3)
    finish_with_previews(harness, *(each.id for each in specs))
    for each in specs:
        np.testing.assert_array_equal(
            harness.pixels(each.id), render_alone(tiny, each), err_msg=str(each.sampling.scheduler)
        )
        assert previews(harness, each.id)[-1].pixels.shape == (8, 8, 3)


@pytest.mark.usefixtures("unlimited_time")
def test_a_trained_model_shows_its_image_early_and_keeps_every_bit() -> None:
    harness = EngineHarness([SHAPES], batching="fast")
    harness.submit(A_CIRCLE)
    finish_with_previews(harness, A_CIRCLE.id)
    image = harness.pixels(A_CIRCLE.id)
    np.testing.assert_array_equal(image, render_alone(SHAPES, A_CIRCLE))
    events = previews(harness, A_CIRCLE.id)
    assert [(preview.step, preview.steps) for preview in events] == [(step, 4) for step in range(1, 5)]
    first, *_, last = (np.abs(preview.pixels.astype(int) - image).mean() for preview in events)
    assert first < 40
    assert last < 1


def test_previews_are_made_only_on_request() -> None:
    shapes: list[tuple[int, ...]] = []
    harness = EngineHarness([SHAPES], inject_fault=lambda pipeline: count_decodes(shapes, pipeline))
    harness.submit(spec(0, model=SHAPES.name, scheduler=None), spec(1, model=SHAPES.name, scheduler=None))
    harness.tick(4)
    harness.engine.preview(["job/0", "stranger"])
    harness.finish()
    assert len(previews(harness, "job/0")) == 1
    assert not previews(harness, "job/1")
    assert len(shapes) == 3


def test_a_preview_that_fails_is_not_tried_again_and_affects_no_image() -> None:
    failures = 0

    def inject_fault(pipeline: StableDiffusionPipeline) -> None:
        decode = pipeline.vae.decode

        def fail_once(*arguments: object, **options: object) -> object:
            nonlocal failures
            failures += 1
            if failures == 1:
                raise torch.OutOfMemoryError
            return decode(*arguments, **options)

        pipeline.vae.decode = fail_once

    harness = EngineHarness([SHAPES], inject_fault=inject_fault)
    harness.submit(A_CIRCLE)
    harness.engine.preview([A_CIRCLE.id])
    harness.finish()
    assert harness.rendered(A_CIRCLE.id)
    assert not previews(harness, A_CIRCLE.id)
    assert failures == 2


def stock_estimate(state: LatentState, prediction: Tensor) -> Tensor:
    """Return the final latents that diffusers' own scheduler predicts in its next step."""
    scheduler = copy.deepcopy(state.scheduler)
    if hasattr(scheduler, "convert_model_output"):
        if scheduler.step_index is None:
            scheduler._init_step_index(state.timestep)
        return scheduler.convert_model_output(prediction, sample=state.latents)
    extra = state.step_kwargs | ({"generator": torch.Generator()} if "generator" in state.step_kwargs else {})
    return scheduler.step(prediction, state.timestep, state.latents, **extra).pred_original_sample


@pytest.mark.parametrize("model", ["tiny", "velocity"])
@pytest.mark.parametrize(
    "scheduler", sorted(NOISE_SCHEDULERS.keys() - {"pndm", "plms", "lcm", "tcd", "deis"})
)  # these have no prediction to compare
def test_estimates_are_those_of_the_schedulers(families: dict[str, Family], model: str, scheduler: str) -> None:
    family = families[model]
    with torch.inference_mode():
        state = family.prepare(spec(scheduler=scheduler, guidance_scale=1.0, steps=3))
        for _ in range(state.model_calls):
            [prediction] = family.predict([state])
            expected = stock_estimate(state, prediction)
            scale = expected.abs().mean()
            assert (predict_x0(state, prediction) - expected).abs().mean() < 0.02 * scale
            state.advance(prediction)


def test_previews_take_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr("renderq_worker.engine.preview.time", SimpleNamespace(monotonic=lambda: now[0]))
    budget, spent = TimeBudget(), 0.0
    for _ in range(1_000):
        while budget.has_time():
            budget.charge(0.03)
            spent += 0.03
            now[0] += 0.03
        now[0] += 0.05
    assert spent == pytest.approx(0.1 * (now[0] - 1_000.0), rel=0.01)


def test_with_little_time_those_who_waited_longest_come_first(
    tiny: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_worker.engine.preview._BURST_S", 1e-9)
    harness, ids = EngineHarness([tiny], batching="fast"), [f"job/{number}" for number in range(3)]
    harness.submit(*(spec(number, steps=100) for number in range(3)))
    finish_with_previews(harness, *ids)
    order = [event.generation_id for event in harness.events if isinstance(event, Previewed)]
    assert len(order) > 3
    assert order == [ids[number % 3] for number in range(len(order))]
    times = [(event.generation_id, event.step) for event in harness.events if isinstance(event, Previewed)]
    assert len({step for _, step in times}) == len(times)


def test_a_preview_request_ends_with_its_image(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0))
    harness.tick(2)
    harness.engine.preview(["job/0"])
    harness.engine.cancel(["job/0"])
    harness.submit(spec(1))
    harness.finish()
    harness.submit(spec(0))
    harness.finish()
    assert not [event for event in harness.events if isinstance(event, Previewed)]


def test_what_a_safety_checker_would_judge_is_not_shown(
    families: dict[str, Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    family, latents = families["tiny"], torch.zeros(1, 4, 8, 8)
    assert family.preview(latents) is not None
    monkeypatch.setattr(family._pipeline, "safety_checker", object())
    assert family.preview(latents) is None


@pytest.mark.parametrize(
    ("latent_size", "preview_size"), [((8, 8), (8, 8)), ((300, 100), (256, 85)), ((8, 512), (4, 256))]
)
def test_projected_images_are_small_and_in_proportion(
    families: dict[str, Family], latent_size: tuple[int, int], preview_size: tuple[int, int]
) -> None:
    latents = torch.full((1, 4, *latent_size), torch.nan)
    latents[..., 0, 0] = torch.inf
    preview = families["tiny"].preview(latents)
    assert preview is not None
    assert (preview.shape, preview.dtype) == ((*preview_size, 3), np.uint8)


def test_a_small_autoencoder_decodes_averaged_latents_and_a_large_one_none() -> None:
    shapes: list[tuple[int, ...]] = []
    pipeline = StableDiffusionPipeline.from_pretrained(SHAPES.source)
    count_decodes(shapes, pipeline)
    latents = torch.randn(1, 16, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        preview = latents_to_preview(latents, pipeline.vae)
    assert preview is not None
    assert preview.shape == (144, 72, 3)
    assert shapes == [(1, 16, 18, 9)]
    pipeline.vae.decoder.extra = torch.nn.Linear(10_000, 200, bias=False)
    assert latents_to_preview(latents, pipeline.vae) is None
