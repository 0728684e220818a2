"""Where the objects of a scene go, and how large they are."""

from dataclasses import dataclass
from random import Random

from renderq_worker.builtin.scenes import PLACES, Scene

_JITTER = 0.02
_MARGIN = 0.01
_ARRANGEMENTS: dict[int, tuple[str, ...]] = {
    2: ("left", "right"),
    3: ("top left", "top right", "bottom"),
    4: ("top left", "top right", "bottom left", "bottom right"),
}
_PAIRS: dict[str, tuple[str, str]] = {
    "left of": ("left", "right"),
    "next to": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}
_SEVERAL = (0.38, 0.41)


@dataclass(frozen=True, slots=True)
class Placed:
    """One object. `x`, `y` (centre) and `size` (side of its box) are fractions of the picture's side."""

    shape: str
    colour: str
    x: float
    y: float
    size: float


def arrange(scene: Scene, rng: Random) -> tuple[Placed, ...]:
    """Place every object of `scene`; what the scene leaves open is drawn from `rng`."""
    first = scene.groups[0]
    if scene.relation is not None:
        places = _PAIRS[scene.relation]
        return tuple(
            _placed(group.shape, group.colour, place, rng.uniform(*_SEVERAL), rng)
            for group, place in zip(scene.groups, places, strict=True)
        )
    if first.count > 1:
        size = rng.uniform(*_SEVERAL)
        return tuple(_placed(first.shape, first.colour, place, size, rng) for place in _ARRANGEMENTS[first.count])
    place = first.place or "centre"
    return (_placed(first.shape, first.colour, place, rng.uniform(*_size_range(first.size, place)), rng),)


def _size_range(size: str | None, place: str) -> tuple[float, float]:
    largest = 0.68 if place == "centre" else 0.52
    match size:
        case "small":
            return 0.36, 0.41
        case "large":
            return largest - 0.07, largest
        case _:
            return 0.40, largest


def _placed(shape: str, colour: str, place: str, size: float, rng: Random) -> Placed:
    low, high = size / 2 + _MARGIN, 1 - size / 2 - _MARGIN
    x, y = (min(max(centre + rng.uniform(-_JITTER, _JITTER), low), high) for centre in PLACES[place])
    return Placed(shape, colour, x, y, size)
