"""Captions: many phrasings of the same scene."""

from collections.abc import Mapping, Sequence
from random import Random

from renderq_worker.builtin.scenes import Group, Relation, Scene

_SYNONYM_SHARE = 0.15
_SHAPE_SYNONYMS: Mapping[str, Sequence[str]] = {
    "circle": ("disc", "dot", "ball"),
    "square": ("box",),
    "triangle": ("pyramid",),
    "ring": ("donut", "hoop"),
    "cross": ("plus sign", "plus"),
    "diamond": ("rhombus",),
}
_COLOR_SYNONYMS: Mapping[str, Sequence[str]] = {"purple": ("violet",), "cyan": ("turquoise", "light blue")}
_SIZE_WORDS: Mapping[str, Sequence[str]] = {
    "small": ("small", "small", "little", "tiny"),
    "large": ("large", "large", "big", "huge"),
}
_COUNT_WORDS: Mapping[int, Sequence[str]] = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4")}
_PLACE_PHRASES: Mapping[str, Sequence[str]] = {
    "center": ("in the centre", "in the center", "in the middle"),
    "left": ("on the left", "on the left side", "to the left"),
    "right": ("on the right", "on the right side", "to the right"),
    "top": ("at the top", "on top"),
    "bottom": ("at the bottom", "on the bottom"),
    "top left": ("at the top left", "in the top left corner", "in the upper left corner"),
    "top right": ("at the top right", "in the top right corner", "in the upper right corner"),
    "bottom left": ("at the bottom left", "in the bottom left corner", "in the lower left corner"),
    "bottom right": ("at the bottom right", "in the bottom right corner", "in the lower right corner"),
}
_RELATION_PHRASES: Mapping[Relation, Sequence[str]] = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
    "next to": ("and", "next to", "beside"),
}
_OPENINGS: Sequence[str] = (
    "",
    "",
    "",
    "",
    "a picture of ",
    "an image of ",
    "a drawing of ",
    "a photo of ",
    "there is ",
)
_BACKGROUND_PHRASES: Sequence[str] = (
    " on {a} background",
    " on {a} background",
    ", {bare} background",
    " with {a} background",
    " against {a} background",
    " on {bare}",
)


def caption(scene: Scene, rng: Random, *, mention_background: bool = True) -> str:
    """Describe `scene` in lower-case English, with a random phrasing."""
    subject = _subject(scene, rng)
    color = _word(scene.background, _COLOR_SYNONYMS, rng)
    if not mention_background:
        return rng.choice(_OPENINGS) + subject
    if rng.random() < 0.1:
        return f"on {_article(color)} {color} background, {subject}"
    background = rng.choice(_BACKGROUND_PHRASES).format(a=f"{_article(color)} {color}", bare=color)
    return rng.choice(_OPENINGS) + subject + background


def plain_caption(scene: Scene) -> str:
    """Describe `scene` with the canonical phrasing that evaluations use."""
    first = scene.groups[0]
    text = _noun_phrase(first.shape, first.color, first)
    if scene.relation is not None:
        second = scene.groups[1]
        text += f" {_RELATION_PHRASES[scene.relation][0]} {_noun_phrase(second.shape, second.color, second)}"
    if first.place is not None:
        text += f" {_PLACE_PHRASES[first.place][0]}"
    return f"{text} on {_article(scene.background)} {scene.background} background"


def _subject(scene: Scene, rng: Random) -> str:
    phrases = [
        _noun_phrase(
            _word(group.shape, _SHAPE_SYNONYMS, rng),
            _word(group.color, _COLOR_SYNONYMS, rng),
            group,
            rng,
        )
        for group in scene.groups
    ]
    if scene.relation is not None:
        return f"{phrases[0]} {rng.choice(_RELATION_PHRASES[scene.relation])} {phrases[1]}"
    place = scene.groups[0].place
    return phrases[0] if place is None else f"{phrases[0]} {rng.choice(_PLACE_PHRASES[place])}"


def _noun_phrase(shape: str, color: str, group: Group, rng: Random | None = None) -> str:
    """'a small pink heart', 'two green stars'."""

    def pick(words: Sequence[str]) -> str:
        return words[0] if rng is None else rng.choice(words)

    words = [color, shape] if group.size is None else [pick(_SIZE_WORDS[group.size]), color, shape]
    if group.count > 1:
        return " ".join([pick(_COUNT_WORDS[group.count]), *words[:-1], plural(shape)])
    return " ".join([_article(words[0]), *words])


def plural(shape: str) -> str:
    return shape + "es" if shape.endswith(("s", "x")) else shape + "s"


def _word(name: str, synonyms: Mapping[str, Sequence[str]], rng: Random) -> str:
    return rng.choice(synonyms[name]) if name in synonyms and rng.random() < _SYNONYM_SHARE else name


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
