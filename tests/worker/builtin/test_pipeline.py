"""The shipped pipeline follows its prompts."""

import socket
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.adherence import compare
from renderq_worker.builtin.captions import plain_caption
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.evaluate import generate, load_pipeline, measure_adherence, reconstruct, sample_scenes
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import Group, Kind, Scene
from renderq_worker.builtin.shape_classifier import classify
from renderq_worker.builtin.vae import encode, to_tensor

PROMPT = "a red square on a white background"


def _distance(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference in levels of 255."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def test_it_loads_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the pipeline tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_pipeline(PIPELINE_DIR).unet.dtype == torch.float32


def test_it_is_at_most_30_megabytes() -> None:
    assert sum(path.stat().st_size for path in PIPELINE_DIR.rglob("*") if path.is_file()) <= 30_000_000


def test_all_parts_have_one_precision(pipeline: StableDiffusionPipeline) -> None:
    parts: list[torch.nn.Module] = [pipeline.unet, pipeline.vae, pipeline.text_encoder]
    assert {parameter.dtype for part in parts for parameter in part.parameters()} == {torch.float32}


@pytest.mark.parametrize(("kind", "least"), [("one", 46), ("two", 44), ("count", 43)])
def test_the_autoencoder_keeps_what_the_classifier_sees(
    pipeline: StableDiffusionPipeline, kind: Kind, least: int
) -> None:
    scenes = sample_scenes(kind, 48, 0, held_out=True)
    adherence = measure_adherence(scenes, reconstruct(pipeline, scenes, 0))
    assert sum(result.everything for result in adherence) >= least


def test_latents_are_standardized(pipeline: StableDiffusionPipeline, side: int) -> None:
    rng = Random(5)
    scenes = sample_scenes("one", 64, 5, held_out=False)
    drawn = [draw(arrange(scene, rng), scene.background, side) for scene in scenes]
    latents = encode(pipeline.vae, to_tensor(drawn))
    assert latents.shape == (64, 16, 8, 8)
    assert abs(latents.mean().item()) < 0.15
    assert 0.8 < latents.std().item() < 1.2


def test_held_out_pairs_follow_the_prompt(pipeline: StableDiffusionPipeline) -> None:
    scenes = sample_scenes("one", 24, 1, held_out=True)
    adherence = measure_adherence(scenes, generate(pipeline, [plain_caption(scene) for scene in scenes], seed=1))
    assert sum(result.background for result in adherence) >= 23
    assert sum(result.color for result in adherence) >= 23
    assert sum(result.place for result in adherence) >= 23
    assert sum(result.shape for result in adherence) >= 21


def test_two_objects_keep_their_own_shapes_and_colors(pipeline: StableDiffusionPipeline) -> None:
    scenes = sample_scenes("two", 12, 1, held_out=True)
    adherence = measure_adherence(scenes, generate(pipeline, [plain_caption(scene) for scene in scenes], seed=1))
    assert sum(result.background for result in adherence) >= 11
    assert sum(result.everything for result in adherence) >= 9


def test_two_groups_have_their_counts_and_places(pipeline: StableDiffusionPipeline) -> None:
    scenes = sample_scenes("groups", 12, 1, held_out=False)
    adherence = measure_adherence(scenes, generate(pipeline, [plain_caption(scene) for scene in scenes], seed=1))
    assert sum(result.count and result.color and result.place for result in adherence) >= 10
    assert sum(result.everything for result in adherence) >= 8


def test_a_number_in_the_prompt_is_the_number_of_objects(pipeline: StableDiffusionPipeline) -> None:
    scenes = [
        Scene((Group(shape, "red", count=count),), "white") for shape in ("heart", "ring") for count in range(1, 5)
    ]
    images = generate(pipeline, [plain_caption(scene) for scene in scenes])
    seen = [len(classify(image).objects) for image in images]
    assert sum(expected == found for expected, found in zip([1, 2, 3, 4] * 2, seen, strict=True)) >= 7


def test_the_same_seed_repeats_the_image_and_another_does_not(pipeline: StableDiffusionPipeline) -> None:
    first, again, other = (generate(pipeline, [PROMPT], seed=seed, steps=8)[0] for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_guidance_sharpens_what_the_prompt_says(pipeline: StableDiffusionPipeline) -> None:
    scenes = [Scene((Group(shape, "red"),), "blue") for shape in ("circle", "square", "heart", "ring")]
    prompts = [plain_caption(scene) for scene in scenes]
    free = generate(pipeline, prompts, guidance=1.0)
    guided = generate(pipeline, prompts, guidance=2.0)
    assert all(result.everything for result in measure_adherence(scenes, guided))
    assert all(_distance(one, other) > 1 for one, other in zip(free, guided, strict=True))


def test_a_negative_prompt_removes_what_it_names(pipeline: StableDiffusionPipeline) -> None:
    prompts = ["a circle on a white background"] * 8

    def reds(negative_prompt: str) -> int:
        images = generate(pipeline, prompts, negative_prompt=negative_prompt)
        classifications = [classify(image) for image in images]
        assert [classification.background for classification in classifications] == ["white"] * 8
        return sum(thing.color == "red" for classification in classifications for thing in classification.objects)

    assert reds("") >= 1
    assert reds("a red circle") == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize(
    "scheduler_class",
    [
        DDIMScheduler,
        PNDMScheduler,
        EulerDiscreteScheduler,
        DPMSolverMultistepScheduler,
        UniPCMultistepScheduler,
        HeunDiscreteScheduler,
    ],
)
def test_stock_schedulers_follow_the_prompt(scheduler_class: Any, pipeline: StableDiffusionPipeline) -> None:
    default = pipeline.scheduler
    scenes = [Scene((Group("circle", "yellow"),), "purple"), Scene((Group("square", "red"),), "white")]
    try:
        pipeline.scheduler = scheduler_class.from_config(default.config)
        adherence = measure_adherence(scenes, generate(pipeline, [plain_caption(scene) for scene in scenes], steps=12))
    finally:
        pipeline.scheduler = default
    assert all(result.background and result.color for result in adherence)


def test_strength_decides_how_far_img2img_goes(pipeline: StableDiffusionPipeline, side: int) -> None:
    image_to_image: Any = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    image_to_image.set_progress_bar_config(disable=True)
    rng = Random(0)
    start = draw(arrange(Scene((Group("circle", "yellow"),), "blue"), rng), "blue", side)
    results = [
        image_to_image(
            PROMPT,
            image=start,
            strength=strength,
            num_inference_steps=20,
            guidance_scale=2.0,
            generator=torch.Generator().manual_seed(0),
        ).images[0]
        for strength in (0.1, 0.5, 0.95)
    ]
    distances = [_distance(start, result) for result in results]
    assert distances == sorted(distances)
    assert classify(results[0]).background == "blue"
    assert classify(results[2]).background == "white"


def test_blending_latents_keeps_one_half_and_paints_the_other(pipeline: StableDiffusionPipeline, side: int) -> None:
    scene = Scene((Group("circle", "red"), Group("square", "green")), "white", "left of")
    circle = arrange(scene, Random(0))[0]
    start = draw([circle], scene.background, side)
    known = encode(pipeline.vae, to_tensor([start]))
    kept = torch.zeros(1, 1, 8, 8)
    kept[..., :4] = 1
    noise = torch.randn(known.shape, generator=torch.Generator().manual_seed(1))

    def blend(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        following = pipe.scheduler.timesteps[step + 1 : step + 2]
        noisy = pipe.scheduler.add_noise(known, noise, following) if len(following) else known
        return {"latents": kept * noisy + (1 - kept) * tensors["latents"]}

    result: Any = pipeline(
        plain_caption(scene),
        num_inference_steps=20,
        guidance_scale=2.0,
        generator=torch.Generator().manual_seed(0),
        callback_on_step_end=blend,
    )
    image = result.images[0]
    assert compare(scene, classify(image)).everything
    left_half = (0, 0, side * 7 // 16, side)
    assert _distance(start.crop(left_half), image.crop(left_half)) < 10


@pytest.mark.parametrize("prompt", ["", "an astronaut riding a horse", "🦄 東京", "red " * 60])
def test_any_prompt_gives_some_image(prompt: str, pipeline: StableDiffusionPipeline, side: int) -> None:
    image = generate(pipeline, [prompt], steps=2)[0]
    assert image.size == (side, side)


def test_other_sizes_do_not_crash(pipeline: StableDiffusionPipeline, side: int) -> None:
    width, height = 2 * side, 3 * side // 2
    result: Any = pipeline(PROMPT, width=width, height=height, num_inference_steps=2)
    assert result.images[0].size == (width, height)
