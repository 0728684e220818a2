"""The judge reads what the code drew."""

from random import Random

import pytest

from renderq_worker.builtin.adherence import compare
from renderq_worker.builtin.draw import draw
from renderq_worker.builtin.judge import read
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import HELD_OUT, TRAINING_PAIRS, Group, Kind, Scene, sample_scene


@pytest.mark.parametrize("kind", ["one", "two", "count"])
def test_the_judge_is_right_about_99_of_100_drawn_pictures(kind: Kind) -> None:
    rng = Random(7)
    scenes = [sample_scene(rng, {kind: 1.0}, (*TRAINING_PAIRS, *HELD_OUT)) for _ in range(300)]
    right = [compare(scene, read(draw(arrange(scene, rng), scene.ground))).everything for scene in scenes]
    assert sum(right) >= 0.99 * len(right)


def test_the_judge_reads_pictures_of_any_size() -> None:
    scene = Scene((Group("star", "yellow", place="top left"),), "purple")
    for side in (48, 64, 128):
        reading = read(draw(arrange(scene, Random(0)), scene.ground, side))
        assert compare(scene, reading).everything


def test_a_wrong_attribute_fails_alone() -> None:
    drawn = Scene((Group("heart", "pink", place="left"),), "black")
    reading = read(draw(arrange(drawn, Random(0)), drawn.ground))
    asked = Scene((Group("ring", "pink", place="left"),), "black")
    verdict = compare(asked, reading)
    assert not verdict.shape
    assert not verdict.everything
    assert verdict.colour
    assert verdict.place
    assert verdict.ground


def test_an_empty_picture_has_no_objects() -> None:
    reading = read(draw([], "green"))
    assert reading.ground == "green"
    assert reading.objects == ()
    verdict = compare(Scene((Group("circle", "red"),), "green"), reading)
    assert verdict.ground
    assert not verdict.everything


def test_the_relation_decides_which_object_is_where() -> None:
    one, other = Group("circle", "red"), Group("square", "blue")
    drawn = Scene((one, other), "white", "above")
    reading = read(draw(arrange(drawn, Random(0)), drawn.ground))
    assert compare(drawn, reading).everything
    assert compare(Scene((other, one), "white", "below"), reading).everything
    assert not compare(Scene((one, other), "white", "below"), reading).everything
    assert not compare(Scene((one, other), "white", "left of"), reading).place
