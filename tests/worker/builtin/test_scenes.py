"""Scenes, layouts and captions."""

from collections import Counter
from random import Random

from renderq_worker.builtin.captions import caption, plain_caption
from renderq_worker.builtin.draw import IMAGE_SIZE
from renderq_worker.builtin.layout import arrange
from renderq_worker.builtin.scenes import COLORS, GROUP_COUNTS, HELD_OUT, SHAPES, Group, Scene, sample_scene


def test_training_scenes_never_hold_a_held_out_pair() -> None:
    rng = Random(0)
    pairs = {(group.shape, group.color) for _ in range(3000) for group in sample_scene(rng).groups}
    assert pairs.isdisjoint(HELD_OUT)
    assert len(pairs) == len(SHAPES) * len(COLORS) - len(HELD_OUT)


def test_every_color_is_held_out_once() -> None:
    assert Counter(color for _, color in HELD_OUT) == Counter(COLORS.keys())


def test_objects_never_have_the_color_of_their_background() -> None:
    rng = Random(0)
    scenes = [sample_scene(rng) for _ in range(1000)]
    assert all(group.color != scene.background for scene in scenes for group in scene.groups)


def test_objects_stay_inside_the_image_and_3_pixels_apart() -> None:
    rng = Random(0)
    apart = 3 / IMAGE_SIZE
    for _ in range(500):
        things = arrange(sample_scene(rng), rng)
        assert all(
            value - thing.size / 2 > 0 and value + thing.size / 2 < 1
            for thing in things
            for value in (thing.x, thing.y)
        )
        for index, one in enumerate(things):
            for other in things[:index]:
                assert max(abs(one.x - other.x), abs(one.y - other.y)) > (one.size + other.size) / 2 + apart


def test_the_same_seed_samples_the_same_scenes_and_captions() -> None:
    def sample(seed: int) -> list[str]:
        rng = Random(seed)
        return [caption(sample_scene(rng), rng) for _ in range(20)]

    assert sample(3) == sample(3)
    assert sample(3) != sample(4)


def test_captions_are_english() -> None:
    assert plain_caption(Scene((Group("circle", "red"),), "blue")) == "a red circle on a blue background"
    assert (
        plain_caption(Scene((Group("star", "orange", place="top"),), "white"))
        == "an orange star at the top on a white background"
    )
    assert (
        plain_caption(Scene((Group("cross", "green", count=3),), "pink")) == "three green crosses on a pink background"
    )
    assert (
        plain_caption(Scene((Group("heart", "red"), Group("ring", "orange")), "black", "above"))
        == "a red heart above an orange ring on a black background"
    )
    assert (
        plain_caption(Scene((Group("star", "green", count=2), Group("square", "yellow")), "pink", "above"))
        == "two green stars above a yellow square on a pink background"
    )


def test_groups_are_rows_above_and_below_and_columns_side_by_side() -> None:
    for relation, first_is_on_its_side in (
        ("above", lambda first, second: first.y < 0.5 < second.y),
        ("below", lambda first, second: second.y < 0.5 < first.y),
        ("left of", lambda first, second: first.x < 0.5 < second.x),
        ("right of", lambda first, second: second.x < 0.5 < first.x),
    ):
        for counts in GROUP_COUNTS:
            groups = (Group("ring", "red", count=counts[0]), Group("heart", "blue", count=counts[1]))
            things = arrange(Scene(groups, "white", relation), Random(0))
            first, second = things[: counts[0]], things[counts[0] :]
            assert [thing.shape for thing in things] == ["ring"] * counts[0] + ["heart"] * counts[1]
            assert all(first_is_on_its_side(one, other) for one in first for other in second)
