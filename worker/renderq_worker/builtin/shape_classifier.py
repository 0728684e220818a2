"""Recognizes background, objects, colors, shapes and places in an image, by classical computer vision.

Images of twice 64 px and more are first scaled down by an integer factor, averaging areas.

1. The background is the palette color nearest to the median of the border.
2. Pixels that differ from it are foreground. Its connected regions, without the faint glow that may join them, are the
   objects.
3. An object's coverage is the position of each pixel on the line from the background's color to the object's. Its shape
   is that of the template with the most similar coverage, both scaled to the same box.
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
"""Pixels up to this fraction of a region's contrast and up to this RGB distance are glow."""
_MIN_AREA = 0.015
"""Regions below this fraction of the image are noise."""
_MIN_OVERLAP = 0.6
_SMALLEST_SIDE = 64
"""Scaling down keeps at least this many pixels on the shorter side."""
_BOX = 24
_CENTER_TOLERANCE = 0.13


@dataclass(frozen=True, slots=True)
class DetectedShape:
    """One object; `x`, `y` are the center of its bounding box, `size` its longer side, as fractions of the image."""

    shape: str
    color: str
    x: float
    y: float
    size: float

    @property
    def place(self) -> str:
        """The nearest of the nine places."""
        row = "top" if self.y < 0.5 - _CENTER_TOLERANCE else "bottom" if self.y > 0.5 + _CENTER_TOLERANCE else ""
        column = "left" if self.x < 0.5 - _CENTER_TOLERANCE else "right" if self.x > 0.5 + _CENTER_TOLERANCE else ""
        return f"{row} {column}".strip() or "center"


@dataclass(frozen=True, slots=True)
class Classification:
    """Background and objects of one image, largest object first."""

    background: str
    objects: tuple[DetectedShape, ...]


def classify(image: Image.Image) -> Classification:
    """Classify an image of any size."""
    reduced = image.convert("RGB").reduce(max(1, min(image.size) // _SMALLEST_SIDE))
    pixels = np.asarray(reduced, dtype=np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background: Array = np.median(border, axis=0).astype(np.float32)
    background_index = _nearest(background)
    distances = np.linalg.norm(pixels - background, axis=-1)
    smallest = _MIN_AREA * distances.size
    regions = [
        part
        for region in _regions(distances > _CONTRAST)
        if region.sum() > smallest
        for part in _regions(region & (distances > min(_GLOW * np.quantile(distances[region], 0.9), _FAINT)))
        if part.sum() > smallest
    ]
    regions.sort(key=lambda region: -int(region.sum()))
    objects = tuple(_identify(pixels, region, background, background_index) for region in regions)
    return Classification(_NAMES[background_index], objects)


def _nearest(color: Array, *, other_than: int | None = None) -> int:
    distances = np.linalg.norm(_PALETTE - color, axis=-1)
    if other_than is not None:
        distances[other_than] = np.inf
    return int(distances.argmin())


def _regions(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the 4-connected regions of `mask`, each as a mask of the same shape."""
    remaining = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    regions: list[NDArray[np.bool_]] = []
    while remaining:
        region = np.zeros_like(mask)
        queue = deque([remaining.pop()])
        while queue:
            y, x = queue.popleft()
            region[y, x] = True
            for neighbor in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if neighbor in remaining:
                    remaining.remove(neighbor)
                    queue.append(neighbor)
        regions.append(region)
    return regions


def _identify(pixels: Array, region: NDArray[np.bool_], background: Array, background_index: int) -> DetectedShape:
    inside = pixels[region]
    distances = np.linalg.norm(inside - background, axis=-1)
    color: Array = np.median(inside[distances >= np.quantile(distances, 0.4)], axis=0).astype(np.float32)
    index = _nearest(color, other_than=background_index)
    axis = color - background
    coverage = np.clip((pixels - background) @ axis / (axis @ axis), 0, 1) * region
    rows, columns = np.nonzero(coverage > 0.5)
    top, bottom, start, stop = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    height, width = pixels.shape[:2]
    return DetectedShape(
        shape=_match_template(_scale_to_box(coverage[top:bottom, start:stop])),
        color=_NAMES[index],
        x=float((start + stop) / 2 / width),
        y=float((top + bottom) / 2 / height),
        size=float(max((stop - start) / width, (bottom - top) / height)),
    )


def _scale_to_box(coverage: Array) -> Array:
    """Scale a coverage map to the size of the templates."""
    image = Image.fromarray((coverage * 255).astype(np.uint8))
    return np.asarray(image.resize((_BOX, _BOX), Image.Resampling.BILINEAR), dtype=np.float32) / 255


def _match_template(coverage: Array) -> str:
    templates = _templates()
    overlap = np.minimum(templates, coverage).sum(axis=(1, 2)) / np.maximum(templates, coverage).sum(axis=(1, 2))
    best = int(overlap.argmax())
    return SHAPES[best] if overlap[best] >= _MIN_OVERLAP else UNCLEAR


@cache
def _templates() -> Array:
    """Return the coverage of each shape, [shapes, 24, 24]."""
    boxes: list[Array] = []
    for shape in SHAPES:
        mask = np.asarray(draw_mask([PlacedShape(shape, "black", 0.5, 0.5, 0.9)], size=128), dtype=np.float32) / 255
        rows, columns = np.nonzero(mask > 0.5)
        boxes.append(_scale_to_box(mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]))
    return np.stack(boxes)
