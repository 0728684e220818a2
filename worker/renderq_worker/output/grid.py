"""All pictures of a job in one: row by row in the order of their index, without gaps, near to a square."""

import math
import threading

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_SIDE = 4096
"""Pixels: 48 MiB. Pictures that would need more are made smaller, all alike."""

Pixels = npt.NDArray[np.uint8]


class Grid:
    """A canvas with a cell per picture; as long as a picture is missing its cell is black. Thread-safe."""

    def __init__(self, images: int) -> None:
        self.columns = math.ceil(math.sqrt(images))
        self.rows = math.ceil(images / self.columns)
        self._canvas: Pixels | None = None
        self._lock = threading.Lock()

    def paste(self, index: int, pixels: Pixels) -> None:
        """Put picture `index`, uint8 RGB [height, width, 3], into its cell. All must have the same sides."""
        height, width = self._cell(*pixels.shape[:2])
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
        """The whole; at least one picture must have been placed."""
        if self._canvas is None:
            raise ValueError("no picture was placed in the grid")
        return self._canvas

    def _cell(self, height: int, width: int) -> tuple[int, int]:
        scale = min(1.0, MAX_SIDE / (self.rows * height), MAX_SIDE / (self.columns * width))
        return max(1, int(height * scale)), max(1, int(width * scale))
