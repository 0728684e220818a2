"""Grid of all images of a job: row by row in index order, without gaps, nearly square."""

import math
import threading

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_SIDE = 4096
"""Pixels per side (48 MiB). Images that would need more are all scaled down equally."""

Pixels = npt.NDArray[np.uint8]


class Grid:
    """Canvas with one cell per image; the cell of a missing image is black. Thread-safe."""

    def __init__(self, images: int) -> None:
        self.columns = math.ceil(math.sqrt(images))
        self.rows = math.ceil(images / self.columns)
        self._canvas: Pixels | None = None
        self._lock = threading.Lock()

    def paste(self, index: int, pixels: Pixels) -> None:
        """Paste image `index`, uint8 RGB [height, width, 3], into its cell. All images must have the same size."""
        height, width = self._cell_size(*pixels.shape[:2])
        with self._lock:
            if self._canvas is None:
                self._canvas = np.zeros((self.rows * height, self.columns * width, 3), np.uint8)
        if (height, width) != pixels.shape[:2]:
            image = Image.fromarray(np.ascontiguousarray(pixels))
            pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
        top, left = index // self.columns * height, index % self.columns * width
        self._canvas[top : top + height, left : left + width] = pixels

    @property
    def pixels(self) -> Pixels:
        """Pixels of the canvas. Raises `ValueError` if no image was pasted."""
        if self._canvas is None:
            raise ValueError("no image was pasted into the grid")
        return self._canvas

    def _cell_size(self, height: int, width: int) -> tuple[int, int]:
        scale = min(1.0, MAX_SIDE / (self.rows * height), MAX_SIDE / (self.columns * width))
        return max(1, int(height * scale)), max(1, int(width * scale))
