"""Compare what a image shows with what its scene asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from renderq_worker.builtin.scenes import Group, Scene
from renderq_worker.builtin.shape_classifier import Classification, DetectedShape


@dataclass(frozen=True, slots=True)
class AdherenceResult:
    """One flag per attribute. With several objects, color and shape hold only if they hold for all.

    The place of two groups is their relation: each lies on its side, and `color` and `shape` hold in its order.
    Where the objects of a single group of several lie is not asked.
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
    def marks(self) -> int:
        """How many of the attributes are right."""
        return sum((self.background, self.count, self.color, self.shape, self.place))


def compare(scene: Scene, reading: Classification) -> AdherenceResult:
    """Judge one image. The objects of a relation are told apart by where they are, not by what they are."""
    wanted = sum(group.count for group in scene.groups)
    background = reading.background == scene.background
    count = len(reading.objects) == wanted
    if len(reading.objects) < (wanted if scene.relation is not None else 1):
        return AdherenceResult(background, count=False, color=False, shape=False, place=False)
    seen = reading.objects[:wanted]
    if scene.relation is None:
        return _compare_group(scene.groups[0], seen, background, count=count)
    if scene.relation in ("right of", "below"):
        orders = (scene.groups[::-1],)
    else:
        orders = (scene.groups, scene.groups[::-1]) if scene.relation == "next to" else (scene.groups,)
    vertical = scene.relation in ("above", "below")
    verdicts = [_compare_sides(order, seen, background, count=count, vertical=vertical) for order in orders]
    return max(verdicts, key=lambda verdict: verdict.marks)


def _compare_group(group: Group, seen: Sequence[DetectedShape], background: bool, *, count: bool) -> AdherenceResult:
    return AdherenceResult(
        background,
        count=count,
        color=all(thing.color == group.color for thing in seen),
        shape=all(thing.shape == group.shape for thing in seen),
        place=group.count > 1 or seen[0].place == (group.place or "centre"),
    )


def _compare_sides(
    groups: tuple[Group, ...], seen: Sequence[DetectedShape], background: bool, *, count: bool, vertical: bool
) -> AdherenceResult:
    """Take the objects along the axis of the relation: the first `groups[0].count` are the first group's.

    They lie on their side if the gap to the other side is wider than the middles of the two are apart across the axis.
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
