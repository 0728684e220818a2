"""Layout: position and size of the objects of a scene."""

from dataclasses import dataclass
from random import Random

from renderq_worker.builtin.scenes import PLACES, Group, Scene

_JITTER = 0.02
_MARGIN = 0.01
_SIZE_IN_GROUP = (0.34, 0.39)
_SIZE_IN_ROW_OF_THREE = (0.24, 0.26)
_NEAR, _FAR = 0.24, 0.76
_ROW_OFFSETS: dict[int, tuple[float, ...]] = {1: (0.5,), 2: (_NEAR, _FAR), 3: (0.17, 0.5, 0.83)}
_GROUP_CENTERS: dict[int, tuple[tuple[float, float], ...]] = {
    2: ((_NEAR, 0.5), (_FAR, 0.5)),
    3: ((_NEAR, _NEAR), (_FAR, _NEAR), (0.5, _FAR)),
    4: ((_NEAR, _NEAR), (_FAR, _NEAR), (_NEAR, _FAR), (_FAR, _FAR)),
}


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """One object. `x`, `y` (center) and `size` (of its bounding box) are fractions of the image size."""

    shape: str
    color: str
    x: float
    y: float
    size: float


def arrange(scene: Scene, rng: Random) -> tuple[PlacedShape, ...]:
    """Place every object of `scene`; unspecified positions and sizes are drawn from `rng`."""
    first = scene.groups[0]
    if scene.relation is not None:
        near_first = scene.relation not in ("right of", "below")
        sides = (_NEAR, _FAR) if near_first else (_FAR, _NEAR)
        vertical = scene.relation in ("above", "below")
        return tuple(
            thing
            for group, side in zip(scene.groups, sides, strict=True)
            for thing in _arrange_row(group, side, rng, vertical=vertical)
        )
    if first.count > 1:
        size = rng.uniform(*_SIZE_IN_GROUP)
        return tuple(_place(first, center, size, rng) for center in _GROUP_CENTERS[first.count])
    place = first.place or "center"
    return (_place(first, PLACES[place], rng.uniform(*_size_range(first.size, place)), rng),)


def _arrange_row(group: Group, side: float, rng: Random, *, vertical: bool) -> list[PlacedShape]:
    """Place one group of a relation: as a row above or below, as a column to the left or right."""
    size = rng.uniform(*(_SIZE_IN_ROW_OF_THREE if group.count == 3 else _SIZE_IN_GROUP))
    return [_place(group, (at, side) if vertical else (side, at), size, rng) for at in _ROW_OFFSETS[group.count]]


def _size_range(size: str | None, place: str) -> tuple[float, float]:
    largest = 0.68 if place == "center" else 0.52
    match size:
        case "small":
            return 0.36, 0.41
        case "large":
            return largest - 0.07, largest
        case _:
            return 0.40, largest


def _place(group: Group, center: tuple[float, float], size: float, rng: Random) -> PlacedShape:
    low, high = size / 2 + _MARGIN, 1 - size / 2 - _MARGIN
    jitter = _JITTER if size > _SIZE_IN_ROW_OF_THREE[1] else _JITTER / 2
    x, y = (min(max(at + rng.uniform(-jitter, jitter), low), high) for at in center)
    return PlacedShape(group.shape, group.color, x, y, size)
