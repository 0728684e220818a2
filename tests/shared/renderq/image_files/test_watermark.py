"""Watermarks, compared with the package that defines their format."""

import numpy as np
import pytest
from imwatermark import WatermarkDecoder, WatermarkEncoder

from renderq.image_files import watermark
from tests.shared.renderq.image_files.unmarked_images import UNMARKED_IMAGES, Pixels, flat, recompressed, smooth

TEXTS = ["SDV2", "StableDiffusionV1", "https://example.com/ai-generated"]


def read_by_reference(pixels: Pixels, length: int) -> bytes:
    return WatermarkDecoder("bytes", length * 8).decode(pixels[..., ::-1].copy(), "dwtDct")


def marked_by_reference(pixels: Pixels, text: str) -> Pixels:
    encoder = WatermarkEncoder()
    encoder.set_watermark("bytes", text.encode())
    return encoder.encode(pixels[..., ::-1].copy(), "dwtDct")[..., ::-1]


def found(pixels: Pixels) -> bytes | None:
    mark = watermark.detect(watermark.votes(pixels))
    return mark.content if mark else None


@pytest.mark.parametrize("name", UNMARKED_IMAGES)
def test_what_is_written_is_read_by_the_reference_for_any_image(name: str) -> None:
    for text in TEXTS:
        marked = watermark.embed(UNMARKED_IMAGES[name], text)
        assert read_by_reference(marked, len(text)) == text.encode()
        assert found(marked) == text.encode()
        assert np.array_equal(marked[..., 0], UNMARKED_IMAGES[name][..., 0])  # red has no weight in U


@pytest.mark.parametrize("name", ["gray", "black", "noise 0", "noise 1"])
def test_what_the_reference_writes_is_read(name: str) -> None:
    """On images where the reference can read it itself: on others it loses some blocks."""
    marked = marked_by_reference(UNMARKED_IMAGES[name], "SDV2")
    assert read_by_reference(marked, 4) == b"SDV2"
    votes = watermark.votes(marked)
    for read in (watermark.read(votes, 4), watermark.confirm(votes, "SDV2")):
        assert read is not None
        assert read.content == b"SDV2"


@pytest.mark.parametrize("name", UNMARKED_IMAGES)
def test_an_image_without_a_watermark_has_none(name: str) -> None:
    assert found(UNMARKED_IMAGES[name]) is None
    votes = watermark.votes(UNMARKED_IMAGES[name])
    assert all(watermark.confirm(votes, text) is None for text in TEXTS)


@pytest.mark.parametrize("text", ["aaaabaaa", "ab ab ab!"])
def test_a_text_that_nearly_repeats_is_read_to_its_end(text: str) -> None:
    assert found(watermark.embed(smooth(256, 256, 1), text)) == text.encode()


@pytest.mark.parametrize(("format", "quality"), [("JPEG", 90), ("WEBP", 90)])
@pytest.mark.parametrize("name", ["smooth 0", "smooth 3", "odd size", "more than a band", "white"])
def test_a_short_text_outlives_a_good_lossy_file(name: str, format: str, quality: int) -> None:
    marked = recompressed(watermark.embed(UNMARKED_IMAGES[name], "made by us", lossy=True), format, quality)
    mark = watermark.read(watermark.votes(marked), 10)
    assert mark is not None
    assert mark.content == b"made by us"


def test_a_text_that_is_longer_than_any_is_not_read_as_another() -> None:
    longer = "the quick brown fox jumps over lazy dogs"
    assert found(watermark.embed(smooth(256, 256, 0), longer)) is None


def test_a_text_that_is_expected_is_known_again_from_a_poor_file() -> None:
    text = TEXTS[-1]
    poor = watermark.votes(recompressed(watermark.embed(smooth(256, 256, 0), text, lossy=True), "JPEG", 60))
    assert watermark.confirm(poor, text) is not None
    assert watermark.confirm(poor, text[::-1]) is None


@pytest.mark.parametrize(("lossy", "least_db"), [(False, 36), (True, 32)])
def test_it_is_hard_to_see(lossy: bool, least_db: float) -> None:
    plain = smooth(256, 256, 0)
    error = (watermark.embed(plain, TEXTS[1], lossy=lossy).astype(float) - plain) ** 2
    assert 10 * np.log10(255**2 / error.mean()) > least_db


def test_too_few_pixels_carry_nothing() -> None:
    small = flat(10, 20, 30)[:255]
    with pytest.raises(ValueError, match="256 × 255 pixels are too few"):
        watermark.embed(small, "made by us")
    assert found(small) is None
    assert watermark.read(watermark.votes(small), 4) is None
    assert watermark.confirm(watermark.votes(small), "made by us") is None
