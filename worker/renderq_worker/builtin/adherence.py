"""Compare what a picture shows with what its scene asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from renderq_worker.builtin.judge import Found, Reading
from renderq_worker.builtin.scenes import Scene


@dataclass(frozen=True, slots=True)
class Verdict:
    """One flag per attribute. With several objects, colour and shape hold only if they hold for all.

    The place of two objects is their relation: they lie along its axis, and `colour` and `shape` hold in its order.
    Where the objects of a larger number lie is not asked.
    """

    ground: bool
    count: bool
    colour: bool
    shape: bool
    place: bool

    @property
    def everything(self) -> bool:
        return self.ground and self.count and self.colour and self.shape and self.place


def compare(scene: Scene, reading: Reading) -> Verdict:
    """Judge one picture. The objects of a relation are told apart by where they are, not by what they are."""
    wanted = sum(group.count for group in scene.groups)
    ground = reading.ground == scene.ground
    found = reading.objects
    if len(found) < len(scene.groups):
        return Verdict(ground, count=False, colour=False, shape=False, place=False)
    if scene.relation is not None:
        return _compare_pair(scene, found[:2], ground, count=len(found) == 2)
    group = scene.groups[0]
    seen = found[:wanted] if group.count > 1 else found[:1]
    return Verdict(
        ground,
        count=len(found) == wanted,
        colour=all(thing.colour == group.colour for thing in seen),
        shape=all(thing.shape == group.shape for thing in seen),
        place=group.count > 1 or seen[0].place == (group.place or "centre"),
    )


def _compare_pair(scene: Scene, found: Sequence[Found], ground: bool, *, count: bool) -> Verdict:
    """Order the two objects along the relation's axis, then compare them one by one."""
    one, other = found
    vertical = scene.relation in ("above", "below")
    reversed_order = scene.relation in ("right of", "below")
    along = abs(one.y - other.y) if vertical else abs(one.x - other.x)
    across = abs(one.x - other.x) if vertical else abs(one.y - other.y)
    ordered = sorted(found, key=lambda thing: thing.y if vertical else thing.x, reverse=reversed_order)
    groups = scene.groups
    if scene.relation == "next to" and [thing.colour for thing in ordered] != [group.colour for group in groups]:
        ordered.reverse()
    pairs = list(zip(groups, ordered, strict=True))
    return Verdict(
        ground,
        count=count,
        colour=all(group.colour == thing.colour for group, thing in pairs),
        shape=all(group.shape == thing.shape for group, thing in pairs),
        place=along > across,
    )
