"""Scenes that the model can draw: vocabulary, records, sampling of training scenes."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal

RGB = tuple[int, int, int]
Kind = Literal["one", "two", "count", "groups"]
Relation = Literal["left of", "right of", "above", "below", "next to"]

SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond")

COLORS: Mapping[str, RGB] = MappingProxyType(
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
        "center": (0.5, 0.5),
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
"""Place → center of an object, as (x, y) fractions of the image size; y grows downwards."""

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
"""(shape, color) pairs that no training scene contains: the test of composition. Each color is held out once."""

TRAINING_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (shape, color) for shape in SHAPES for color in COLORS if (shape, color) not in HELD_OUT
)

GROUP_COUNTS: Mapping[tuple[int, int], float] = MappingProxyType(
    {(1, 2): 0.25, (2, 1): 0.25, (2, 2): 0.25, (1, 3): 0.125, (3, 1): 0.125}
)
"""Object counts of the two groups of a `groups` scene → probability."""

DEFAULT_MIX: Mapping[Kind, float] = MappingProxyType({"one": 0.30, "two": 0.27, "count": 0.15, "groups": 0.28})
"""Kind of scene → fraction of the training data."""


@dataclass(frozen=True, slots=True)
class Group:
    """`count` equal objects. `size` and `place` are `None` if the caption does not mention them."""

    shape: str
    color: str
    count: int = 1
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One group, or two groups joined by a relation, on a plain background."""

    groups: tuple[Group, ...]
    background: str
    relation: Relation | None = None

    @property
    def kind(self) -> Kind:
        several = any(group.count > 1 for group in self.groups)
        if len(self.groups) == 2:
            return "groups" if several else "two"
        return "count" if several else "one"


def sample_scene(
    rng: Random, mix: Mapping[Kind, float] = DEFAULT_MIX, pairs: tuple[tuple[str, str], ...] = TRAINING_PAIRS
) -> Scene:
    """Draw a scene whose (shape, color) pairs all come from `pairs`."""
    kind = rng.choices(tuple(mix), tuple(mix.values()))[0]
    shape, color = rng.choice(pairs)
    if kind in ("two", "groups"):
        other_shape, other_color = rng.choice([pair for pair in pairs if pair != (shape, color)])
        count, other_count = _sample_counts(rng) if kind == "groups" else (1, 1)
        groups = (Group(shape, color, count), Group(other_shape, other_color, other_count))
        return Scene(groups, _sample_background(rng, color, other_color), rng.choice(RELATIONS))
    if kind == "count":
        return Scene((Group(shape, color, count=rng.randint(2, 4)),), _sample_background(rng, color))
    place = rng.choice(tuple(PLACES)) if rng.random() < 0.7 else None
    size = rng.choice(SIZES) if rng.random() < 0.4 else None
    return Scene((Group(shape, color, size=size, place=place),), _sample_background(rng, color))


def _sample_counts(rng: Random) -> tuple[int, int]:
    return rng.choices(tuple(GROUP_COUNTS), tuple(GROUP_COUNTS.values()))[0]


def _sample_background(rng: Random, *taken: str) -> str:
    return rng.choice([color for color in COLORS if color not in taken])
