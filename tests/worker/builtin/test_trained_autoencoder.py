"""The shipped autoencoder draws sharp images of 256 px, and reads and draws the latents of the one of 64 px."""

from collections.abc import Sequence
from random import Random
from statistics import fmean

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image

from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.evaluate import sample_scenes
from renderq_worker.builtin.layout import PlacedShape, arrange
from renderq_worker.builtin.scenes import Scene
from renderq_worker.builtin.sharpness import sharpness
from renderq_worker.builtin.vae import encode, to_images, to_tensor
from tests.fast_model.catalog import MODELS_TOML

SCENES: Sequence[Scene] = sample_scenes("two", 8, 0, held_out=False)
LAYOUTS: Sequence[Sequence[PlacedShape]] = [arrange(scene, Random(number)) for number, scene in enumerate(SCENES)]


def drawings(side: int) -> list[Image.Image]:
    return [draw(layout, scene.background, side) for layout, scene in zip(LAYOUTS, SCENES, strict=True)]


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    """The latents of the drawings, of the autoencoder of 64 px."""
    small = AutoencoderKL.from_pretrained(MODELS_TOML.parent / "shapes" / "vae", torch_dtype=torch.float32)
    return encode(small, to_tensor(drawings(64)))


@pytest.fixture(scope="module")
def images(pipeline: StableDiffusionPipeline, latents: torch.Tensor) -> list[Image.Image]:
    """What the shipped autoencoder draws from them."""
    with torch.no_grad():
        return to_images(pipeline.vae.decode(latents).sample)


def test_its_images_are_sharp(images: list[Image.Image]) -> None:
    assert {image.size for image in images} == {(256, 256)}
    assert fmean(map(sharpness, SCENES, images)) > 0.97


def test_its_images_are_those_that_were_drawn_up_to_their_borders(images: list[Image.Image]) -> None:
    difference = np.abs(np.stack(images).astype(float) - np.stack(drawings(256))).mean(axis=(0, 3))
    borders = difference[[0, 1, -2, -1]].mean(), difference[:, [0, 1, -2, -1]].mean()
    assert difference.mean() < 6
    assert max(borders) < 6


def test_it_encodes_images_to_the_latents_of_the_one_of_64_px(
    pipeline: StableDiffusionPipeline, latents: torch.Tensor
) -> None:
    assert (encode(pipeline.vae, to_tensor(drawings(256))) - latents).square().mean().sqrt() < 0.2
