"""What the model can draw: vocabulary, scenes, and how training scenes are sampled."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal

RGB = tuple[int, int, int]
Kind = Literal["one", "two", "count"]
Relation = Literal["left of", "right of", "above", "below", "next to"]

SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond")

COLOURS: Mapping[str, RGB] = MappingProxyType(
    {
        "red": (220, 40, 40),
        "orange": (255, 145, 20),
        "yellow": (250, 220, 40),
        "green": (40, 165, 70),
        "cyan": (60, 210, 225),
        "blue": (40, 80, 220),
        "purple": (130, 50, 175),
        "pink": (255, 150, 195),
        "white": (250, 250, 250),
        "black": (15, 15, 15),
    }
)

PLACES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "centre": (0.5, 0.5),
        "left": (0.26, 0.5),
        "right": (0.74, 0.5),
        "top": (0.5, 0.26),
        "bottom": (0.5, 0.74),
        "top left": (0.26, 0.26),
        "top right": (0.74, 0.26),
        "bottom left": (0.26, 0.74),
        "bottom right": (0.74, 0.74),
    }
)
"""Centre of an object, as (x, y) fractions of the picture's side; y grows downwards."""

SIZES: tuple[str, ...] = ("small", "large")
RELATIONS: tuple[Relation, ...] = ("left of", "right of", "above", "below", "next to")

HELD_OUT: frozenset[tuple[str, str]] = frozenset(
    {
        ("circle", "orange"),
        ("square", "pink"),
        ("triangle", "green"),
        ("star", "blue"),
        ("heart", "yellow"),
        ("ring", "red"),
        ("cross", "white"),
        ("diamond", "purple"),
        ("circle", "black"),
        ("square", "cyan"),
    }
)
"""(shape, colour) pairs that no training scene contains: the test of composition. Each colour is held out once."""

TRAINING_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (shape, colour) for shape in SHAPES for colour in COLOURS if (shape, colour) not in HELD_OUT
)

DEFAULT_MIX: Mapping[Kind, float] = MappingProxyType({"one": 0.66, "two": 0.24, "count": 0.10})
"""Share of each kind of scene in the training data."""


@dataclass(frozen=True, slots=True)
class Group:
    """`count` equal objects. `size` and `place` are None where the caption leaves them open."""

    shape: str
    colour: str
    count: int = 1
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One group, or two single objects joined by a relation, on a plain background."""

    groups: tuple[Group, ...]
    ground: str
    relation: Relation | None = None

    @property
    def kind(self) -> Kind:
        if len(self.groups) == 2:
            return "two"
        return "count" if self.groups[0].count > 1 else "one"


def sample_scene(
    rng: Random, mix: Mapping[Kind, float] = DEFAULT_MIX, pairs: tuple[tuple[str, str], ...] = TRAINING_PAIRS
) -> Scene:
    """Draw a scene whose (shape, colour) pairs all come from `pairs`."""
    kind = rng.choices(tuple(mix), tuple(mix.values()))[0]
    shape, colour = rng.choice(pairs)
    if kind == "two":
        other_shape, other_colour = rng.choice([pair for pair in pairs if pair != (shape, colour)])
        groups = (Group(shape, colour), Group(other_shape, other_colour))
        return Scene(groups, _sample_ground(rng, colour, other_colour), rng.choice(RELATIONS))
    if kind == "count":
        return Scene((Group(shape, colour, count=rng.randint(2, 4)),), _sample_ground(rng, colour))
    place = rng.choice(tuple(PLACES)) if rng.random() < 0.7 else None
    size = rng.choice(SIZES) if rng.random() < 0.4 else None
    return Scene((Group(shape, colour, size=size, place=place),), _sample_ground(rng, colour))


def _sample_ground(rng: Random, *taken: str) -> str:
    return rng.choice([colour for colour in COLOURS if colour not in taken])
