"""Prompt adherence: compares the shapes found in an image with the scene that it should show."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from renderq_worker.builtin.scenes import Group, Scene
from renderq_worker.builtin.shape_classifier import Classification, DetectedShape


@dataclass(frozen=True, slots=True)
class AdherenceResult:
    """One flag per attribute. With several objects, `color` and `shape` hold only if they hold for all.

    For two groups, `place` is their relation: each group lies on its side, and `color` and `shape` hold in that order.
    For a single group of several objects, `place` always holds.
    """

    background: bool
    count: bool
    color: bool
    shape: bool
    place: bool

    @property
    def everything(self) -> bool:
        return self.background and self.count and self.color and self.shape and self.place

    @property
    def score(self) -> int:
        """Number of attributes that hold."""
        return sum((self.background, self.count, self.color, self.shape, self.place))


def compare(scene: Scene, found: Classification) -> AdherenceResult:
    """Compare one image with its scene. Groups of a relation are distinguished by position, not by shape or color."""
    expected = sum(group.count for group in scene.groups)
    background = found.background == scene.background
    count = len(found.objects) == expected
    if len(found.objects) < (expected if scene.relation is not None else 1):
        return AdherenceResult(background, count=False, color=False, shape=False, place=False)
    seen = found.objects[:expected]
    if scene.relation is None:
        return _compare_group(scene.groups[0], seen, background, count=count)
    if scene.relation in ("right of", "below"):
        orders = (scene.groups[::-1],)
    else:
        orders = (scene.groups, scene.groups[::-1]) if scene.relation == "next to" else (scene.groups,)
    vertical = scene.relation in ("above", "below")
    results = [_compare_groups(order, seen, background, count=count, vertical=vertical) for order in orders]
    return max(results, key=lambda result: result.score)


def _compare_group(group: Group, seen: Sequence[DetectedShape], background: bool, *, count: bool) -> AdherenceResult:
    return AdherenceResult(
        background,
        count=count,
        color=all(thing.color == group.color for thing in seen),
        shape=all(thing.shape == group.shape for thing in seen),
        place=group.count > 1 or seen[0].place == (group.place or "center"),
    )


def _compare_groups(
    groups: tuple[Group, ...], seen: Sequence[DetectedShape], background: bool, *, count: bool, vertical: bool
) -> AdherenceResult:
    """Compare two groups. The first `groups[0].count` objects along the axis of the relation belong to the first group.

    The place holds if the gap between the groups along the axis exceeds the distance of their centers across it.
    """

    def along(thing: DetectedShape) -> float:
        return thing.y if vertical else thing.x

    def across(thing: DetectedShape) -> float:
        return thing.x if vertical else thing.y

    ordered = sorted(seen, key=along)
    first, second = ordered[: groups[0].count], ordered[groups[0].count :]
    gap = min(map(along, second)) - max(map(along, first))
    pairs = [(groups[0], thing) for thing in first] + [(groups[1], thing) for thing in second]
    return AdherenceResult(
        background,
        count=count,
        color=all(group.color == thing.color for group, thing in pairs),
        shape=all(group.shape == thing.shape for group, thing in pairs),
        place=gap > abs(fmean(map(across, first)) - fmean(map(across, second))),
    )
