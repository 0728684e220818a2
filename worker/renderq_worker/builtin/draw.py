"""Draws a scene with Pillow, antialiased by supersampling."""

import math
from collections.abc import Callable, Mapping, Sequence

from PIL import Image, ImageDraw

from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scenes import COLORS

IMAGE_SIZE = 64
_SUPERSAMPLING = 3

Points = Sequence[tuple[float, float]]


def draw(objects: Sequence[PlacedShape], background: str, size: int = IMAGE_SIZE) -> Image.Image:
    """Return an RGB image of `size` × `size` pixels."""
    large = size * _SUPERSAMPLING
    image = Image.new("RGB", (large, large), COLORS[background])
    canvas = ImageDraw.Draw(image)
    for thing in objects:
        _fill(canvas, thing, large, COLORS[thing.color], COLORS[background])
    return image.reduce(_SUPERSAMPLING)


def draw_mask(objects: Sequence[PlacedShape], size: int = IMAGE_SIZE) -> Image.Image:
    """Return the coverage of each pixel by objects, as an 8-bit grayscale image."""
    large = size * _SUPERSAMPLING
    image = Image.new("L", (large, large), 0)
    canvas = ImageDraw.Draw(image)
    for thing in objects:
        _fill(canvas, thing, large, 255, 0)
    return image.reduce(_SUPERSAMPLING)


def _fill(
    canvas: ImageDraw.ImageDraw,
    thing: PlacedShape,
    canvas_size: int,
    fill: int | tuple[int, int, int],
    background: int | tuple[int, int, int],
) -> None:
    x, y, half = thing.x * canvas_size, thing.y * canvas_size, thing.size * canvas_size / 2
    if thing.shape in ("circle", "ring"):
        canvas.ellipse((x - half, y - half, x + half, y + half), fill=fill)
        if thing.shape == "ring":
            hole = 0.52 * half
            canvas.ellipse((x - hole, y - hole, x + hole, y + hole), fill=background)
        return
    canvas.polygon([(x + half * u, y + half * v) for u, v in _OUTLINES[thing.shape]()], fill=fill)


def _square() -> Points:
    return [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]


def _triangle() -> Points:
    return [(0, -0.95), (1, 0.85), (-1, 0.85)]


def _diamond() -> Points:
    return [(0, -1), (0.8, 0), (0, 1), (-0.8, 0)]


def _cross() -> Points:
    arm = 0.34
    corner = [(-arm, -1.0), (arm, -1.0), (arm, -arm)]
    return [_rotate(point, quarter * math.pi / 2) for quarter in range(4) for point in corner]


def _star() -> Points:
    """Five points; the inner radius is 0.45 of the outer, slightly more than a pentagram's 0.38."""
    radii = (1.08, 0.45 * 1.08)
    return [_rotate((0.0, -radii[index % 2]), index * math.pi / 5) for index in range(10)]


def _heart() -> Points:
    """x = 16 sin³t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, translated and scaled into the unit box."""
    angles = [step * math.tau / 48 for step in range(48)]
    return [
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) + 2.5) / 16,
        )
        for t in angles
    ]


def _rotate(point: tuple[float, float], angle: float) -> tuple[float, float]:
    u, v = point
    return u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)


_OUTLINES: Mapping[str, Callable[[], Points]] = {
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "diamond": _diamond,
}
"""Shape → corners of its polygon within [-1, 1]²; y grows downwards."""
