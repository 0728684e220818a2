"""The classifier recognizes drawn scenes."""

from random import Random
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from renderq_worker.builtin.adherence import compare
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.layout import PlacedShape, arrange
from renderq_worker.builtin.scenes import COLORS, HELD_OUT, TRAINING_PAIRS, Group, Kind, Scene, sample_scene
from renderq_worker.builtin.shape_classifier import classify


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_classifier_is_right_about_99_of_100_drawn_images(kind: Kind, size: int) -> None:
    rng = Random(7)
    scenes = [sample_scene(rng, {kind: 1.0}, (*TRAINING_PAIRS, *HELD_OUT)) for _ in range(200)]
    images = [draw(arrange(scene, rng), scene.background, size) for scene in scenes]
    correct = [compare(scene, classify(image)).everything for scene, image in zip(scenes, images, strict=True)]
    assert sum(correct) >= 0.99 * len(correct)


def test_the_classifier_reads_images_of_any_size() -> None:
    scene = Scene((Group("star", "yellow", place="top left"),), "purple")
    for size in (48, 64, 100, 128, 256):
        found = classify(draw(arrange(scene, Random(0)), scene.background, size))
        assert compare(scene, found).everything


def test_large_images_are_averaged_before_they_are_read() -> None:
    scene = Scene((Group("cross", "green", place="right"),), "purple")
    pixels = np.asarray(draw(arrange(scene, Random(0)), scene.background, 256)).astype(np.int16)
    stripes = np.where(np.arange(256) % 2, 40, -40)[None, :, None]
    image = Image.fromarray(np.clip(pixels + stripes, 0, 255).astype(np.uint8))
    assert compare(scene, classify(image)).everything


def test_a_wrong_attribute_fails_alone() -> None:
    drawn = Scene((Group("heart", "pink", place="left"),), "black")
    found = classify(draw(arrange(drawn, Random(0)), drawn.background))
    scene = Scene((Group("ring", "pink", place="left"),), "black")
    result = compare(scene, found)
    assert not result.shape
    assert not result.everything
    assert result.color
    assert result.place
    assert result.background


def test_an_empty_image_has_no_objects() -> None:
    found = classify(draw([], "green"))
    assert found.background == "green"
    assert found.objects == ()
    result = compare(Scene((Group("circle", "red"),), "green"), found)
    assert result.background
    assert not result.everything


def test_the_relation_decides_which_object_is_where() -> None:
    one, other = Group("circle", "red"), Group("square", "blue")
    drawn = Scene((one, other), "white", "above")
    found = classify(draw(arrange(drawn, Random(0)), drawn.background))
    assert compare(drawn, found).everything
    assert compare(Scene((other, one), "white", "below"), found).everything
    assert not compare(Scene((one, other), "white", "below"), found).everything
    assert not compare(Scene((one, other), "white", "left of"), found).place


def test_next_to_takes_either_order() -> None:
    one, other = Group("circle", "red"), Group("square", "red", count=2)
    drawn = Scene((one, other), "white", "next to")
    found = classify(draw(arrange(drawn, Random(0)), drawn.background))
    assert compare(drawn, found).everything
    assert compare(Scene((other, one), "white", "next to"), found).everything
    assert not compare(Scene((other, one), "white", "left of"), found).shape


def test_every_object_of_a_group_lies_where_the_relation_says() -> None:
    stars, square = Group("star", "green", count=2), Group("square", "yellow")
    scene = Scene((stars, square), "purple", "above")
    found = classify(draw(arrange(scene, Random(0)), scene.background))
    assert compare(scene, found).everything
    assert not compare(Scene((stars, square), "purple", "below"), found).everything
    strayed = [("star", "green", 0.2, 0.2), ("star", "green", 0.2, 0.45), ("square", "yellow", 0.8, 0.6)]
    result = compare(scene, classify(draw([PlacedShape(*thing, size=0.22) for thing in strayed], "purple")))
    assert result.color
    assert result.shape
    assert not result.place


def test_a_group_with_too_many_or_too_few_objects_has_the_wrong_count() -> None:
    square = Group("square", "yellow")
    scene = Scene((Group("star", "green", count=2), square), "purple", "above")
    for count in (1, 3):
        drawn = Scene((Group("star", "green", count=count), square), "purple", "above")
        result = compare(scene, classify(draw(arrange(drawn, Random(0)), drawn.background)))
        assert result.background
        assert not result.count


def test_a_faint_glow_does_not_join_two_objects() -> None:
    scene = Scene((Group("square", "white", count=2),), "purple")
    image = draw(arrange(scene, Random(0)), scene.background)
    background, foreground = (np.array(COLORS[name]) for name in ("purple", "white"))
    for share, objects in ((0.2, 2), (0.5, 1)):
        pixels = np.asarray(image).copy()
        pixels[30:34, 16:48] = np.maximum(pixels[30:34, 16:48], background + share * (foreground - background))
        assert len(classify(Image.fromarray(pixels)).objects) == objects
