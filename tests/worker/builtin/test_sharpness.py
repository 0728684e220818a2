"""Sharpness falls with blur, uneven areas and foreign colors."""

from random import Random
from statistics import fmean

import numpy as np
import pytest
from PIL import Image, ImageFilter

from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import COLORS, Group, Scene, sample_scene
from renderq_worker.builtin.sharpness import sharpness

SCENE = Scene((Group("star", "yellow", count=2), Group("ring", "red")), "blue", "above")


def test_drawings_of_256_pixels_are_sharp() -> None:
    rng = Random(0)
    scenes = [sample_scene(rng) for _ in range(50)]
    values = [sharpness(scene, draw(arrange(scene, rng), scene.background, 256)) for scene in scenes]
    assert fmean(values) > 0.985


def test_an_enlarged_drawing_of_64_pixels_is_not() -> None:
    small = draw(arrange(SCENE, Random(0)), "blue", 64)
    assert sharpness(SCENE, small.resize((256, 256), Image.Resampling.BICUBIC)) < 0.95


def test_blur_lowers_it() -> None:
    image = draw(arrange(SCENE, Random(0)), "blue", 256)
    values = [sharpness(SCENE, image.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 0.05


@pytest.mark.parametrize(("shift", "expected"), [(23, 1.0), (25, 0.0)])
def test_a_color_counts_up_to_24_levels_away(shift: int, expected: float) -> None:
    color = np.add(COLORS["blue"], (0, shift, 0))
    assert sharpness(SCENE, Image.fromarray(np.full((8, 8, 3), color, dtype=np.uint8))) == expected


def test_only_the_colors_of_the_scene_count() -> None:
    image = draw([], "green", 32)
    assert sharpness(SCENE, image) == 0.0
    assert sharpness(Scene((Group("circle", "red"),), "green"), image) == 1.0
