"""Thumbnails of images."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from renderq_worker.output import encode_thumbnail


def smooth(height: int, width: int) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, np.full((height, width), 90)], -1).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(512, 1024, (320, 160)), (1024, 512, (160, 320)), (321, 321, (320, 320)), (2048, 8, (1, 320))],
)
def test_the_longer_side_becomes_320_pixels_in_the_same_proportions(
    height: int, width: int, size: tuple[int, int]
) -> None:
    thumbnail = encode_thumbnail(smooth(height, width))
    assert thumbnail is not None
    image = Image.open(io.BytesIO(thumbnail.data))
    assert (image.format, image.size, (thumbnail.width, thumbnail.height)) == ("WEBP", size, size)


@pytest.mark.parametrize("size", [(64, 64), (320, 320), (8, 320)])
def test_a_small_image_needs_none(size: tuple[int, int]) -> None:
    assert encode_thumbnail(smooth(*size)) is None


def test_it_shows_the_image_and_is_the_same_every_time() -> None:
    pixels = smooth(640, 640)
    first, second = encode_thumbnail(pixels), encode_thumbnail(pixels)
    assert first is not None
    assert first == second
    shown = np.asarray(Image.open(io.BytesIO(first.data)).convert("RGB")).astype(int)
    assert np.abs(shown - pixels[::2, ::2]).mean() < 4
