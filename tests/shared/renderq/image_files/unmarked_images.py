"""Images without a watermark."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def smooth(height: int, width: int, seed: int) -> Pixels:
    """Waves of color with photographic grain."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [
        np.sin(columns * random.uniform(0.005, 0.05) + rows * random.uniform(0.005, 0.05) + random.uniform(0, 6))
        for _ in range(3)
    ]
    grain = random.normal(0, 3, (height, width, 3))
    return np.clip(128 + 100 * np.stack(waves, -1) + grain, 0, 255).astype(np.uint8)


def flat(red: int, green: int, blue: int) -> Pixels:
    return np.full((256, 256, 3), (red, green, blue), np.uint8)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8)


def stripes(period: int, *, crossed: bool = False) -> Pixels:
    rows, columns = np.mgrid[0:256, 0:256]
    is_on = (columns // period + crossed * (rows // period)) % 2
    return (is_on[..., None] * np.array([255, 255, 0])).astype(np.uint8)


def tiled(seed: int) -> Pixels:
    """A repeated tile of 64 × 64 pixels: periodic like a watermark."""
    return np.tile(smooth(64, 64, seed), (4, 4, 1))


def recompressed(pixels: Pixels, format: str, quality: int) -> Pixels:
    """The pixels after a round trip through a lossy file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


UNMARKED_IMAGES: dict[str, Pixels] = {
    **{f"smooth {seed}": smooth(256, 256, seed) for seed in range(4)},
    "odd size": smooth(301, 267, 9),
    "more than a band": smooth(600, 384, 7),
    "from a JPEG": recompressed(smooth(256, 256, 5), "JPEG", 75),
    **{f"noise {seed}": noise(seed) for seed in range(3)},
    **{f"stripes {period}": stripes(period) for period in (8, 16, 64)},
    "chequered": stripes(32, crossed=True),
    **{f"tiled {seed}": tiled(seed) for seed in range(2)},
    "black": flat(0, 0, 0),
    "white": flat(255, 255, 255),
    "blue": flat(0, 0, 255),
    "yellow": flat(255, 255, 0),
    "gray": flat(128, 128, 128),
}
