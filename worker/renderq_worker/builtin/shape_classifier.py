"""Read a image back by classical computer vision: background, objects, their colors, shapes and places.

1. The background is the palette color nearest to the median of the border.
2. What differs from it is foreground; its connected regions, without the faint glow that may join them, are objects.
3. An object's coverage is how far each pixel has moved from the background's color to the object's; its shape is that
   of the template with the most similar coverage, once both fill the same box.
"""

from collections import deque
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renderq_worker.builtin.draw import draw_mask
from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scenes import COLORS, SHAPES

Array = NDArray[np.floating]

UNCLEAR = "unclear"
_NAMES = tuple(COLORS)
_PALETTE: Array = np.array([COLORS[name] for name in _NAMES], dtype=np.float32)
_CONTRAST = 36.0
"""RGB distance from the background at which a pixel is foreground; the closest two colors are 78 apart."""
_GLOW, _FAINT = 0.35, 60.0
"""Up to this share of a region's contrast, and to this RGB distance, pixels are glow."""
_SMALLEST_AREA = 0.015
"""Regions below this share of the image are noise."""
_LEAST_OVERLAP = 0.6
_BOX = 24
_OFF_CENTRE = 0.13


@dataclass(frozen=True, slots=True)
class DetectedShape:
    """One object; `x` and `y` are the middle of its box, `size` its longer side, as fractions of the image."""

    shape: str
    color: str
    x: float
    y: float
    size: float

    @property
    def place(self) -> str:
        """The nearest of the nine places."""
        row = "top" if self.y < 0.5 - _OFF_CENTRE else "bottom" if self.y > 0.5 + _OFF_CENTRE else ""
        column = "left" if self.x < 0.5 - _OFF_CENTRE else "right" if self.x > 0.5 + _OFF_CENTRE else ""
        return f"{row} {column}".strip() or "centre"


@dataclass(frozen=True, slots=True)
class Classification:
    """What the judge sees in one image; objects from the largest region to the smallest."""

    background: str
    objects: tuple[DetectedShape, ...]


def classify(image: Image.Image) -> Classification:
    """Read a image of any size."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background: Array = np.median(border, axis=0).astype(np.float32)
    ground_index = _nearest(background)
    distances = np.linalg.norm(pixels - background, axis=-1)
    smallest = _SMALLEST_AREA * distances.size
    regions = [
        part
        for region in _regions(distances > _CONTRAST)
        if region.sum() > smallest
        for part in _regions(region & (distances > min(_GLOW * np.quantile(distances[region], 0.9), _FAINT)))
        if part.sum() > smallest
    ]
    regions.sort(key=lambda region: -int(region.sum()))
    objects = tuple(_identify(pixels, region, background, ground_index) for region in regions)
    return Classification(_NAMES[ground_index], objects)


def _nearest(color: Array, *, other_than: int | None = None) -> int:
    distances = np.linalg.norm(_PALETTE - color, axis=-1)
    if other_than is not None:
        distances[other_than] = np.inf
    return int(distances.argmin())


def _regions(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The 4-connected regions of `mask`, each as a mask of the same shape."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    regions: list[NDArray[np.bool_]] = []
    while left:
        region = np.zeros_like(mask)
        queue = deque([left.pop()])
        while queue:
            y, x = queue.popleft()
            region[y, x] = True
            for neighbor in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if neighbor in left:
                    left.remove(neighbor)
                    queue.append(neighbor)
        regions.append(region)
    return regions


def _identify(pixels: Array, region: NDArray[np.bool_], background: Array, ground_index: int) -> DetectedShape:
    inside = pixels[region]
    distances = np.linalg.norm(inside - background, axis=-1)
    color: Array = np.median(inside[distances >= np.quantile(distances, 0.4)], axis=0).astype(np.float32)
    index = _nearest(color, other_than=ground_index)
    axis = color - background
    coverage = np.clip((pixels - background) @ axis / (axis @ axis), 0, 1) * region
    rows, columns = np.nonzero(coverage > 0.5)
    top, bottom, start, stop = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    height, width = pixels.shape[:2]
    return DetectedShape(
        shape=_classify(_fit(coverage[top:bottom, start:stop])),
        color=_NAMES[index],
        x=float((start + stop) / 2 / width),
        y=float((top + bottom) / 2 / height),
        size=float(max((stop - start) / width, (bottom - top) / height)),
    )


def _fit(coverage: Array) -> Array:
    """Stretch a coverage map to the templates' box."""
    image = Image.fromarray((coverage * 255).astype(np.uint8))
    return np.asarray(image.resize((_BOX, _BOX), Image.Resampling.BILINEAR), dtype=np.float32) / 255


def _classify(coverage: Array) -> str:
    templates = _templates()
    overlap = np.minimum(templates, coverage).sum(axis=(1, 2)) / np.maximum(templates, coverage).sum(axis=(1, 2))
    best = int(overlap.argmax())
    return SHAPES[best] if overlap[best] >= _LEAST_OVERLAP else UNCLEAR


@cache
def _templates() -> Array:
    """Coverage of each shape, [shapes, 24, 24]."""
    boxes: list[Array] = []
    for shape in SHAPES:
        mask = np.asarray(draw_mask([PlacedShape(shape, "black", 0.5, 0.5, 0.9)], size=128), dtype=np.float32) / 255
        rows, columns = np.nonzero(mask > 0.5)
        boxes.append(_fit(mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]))
    return np.stack(boxes)
