"""Decoding of image files to the pixels that a model starts from."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderq.contract import JobWarning
from renderq_worker.jobs.inputs.image_decoding import (
    decode_depth_map,
    decode_edited_image,
    decode_image,
    decode_low_res_image,
    decode_mask,
)
from tests.worker.jobs.inputs.icc_profiles import (
    DISPLAY_P3,
    SRGB,
    cmyk_profile,
    gamma_curve,
    gray_profile,
    rgb_profile,
)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixel(file: bytes) -> list[int]:
    return decode_image(file, 8, 8)[4, 4].tolist()


def corners(array: np.ndarray) -> list[int]:
    """First channel at the upper left, upper right, lower left and lower right corner."""
    flat = array[..., 0] if array.ndim == 3 else array
    return [int(flat[y, x]) for y in (0, -1) for x in (0, -1)]


ARROW = Image.fromarray(np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((8, 8), np.uint8)))
"""Each quadrant has its own shade."""


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (16, 24, 3), np.uint8)
    assert np.array_equal(decode_image(saved(Image.fromarray(noise)), 24, 16), noise)
    gray = noise[..., 0]
    assert np.array_equal(decode_mask(saved(Image.fromarray(gray)), 24, 16), gray)


def test_another_size_is_resized_to_as_the_engine_does_it() -> None:
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (40, 30, 3), np.uint8))
    expected = np.asarray(noise.resize((24, 40), Image.Resampling.LANCZOS))
    assert np.array_equal(decode_image(saved(noise), 24, 40), expected)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_orientation_comes_out_upright(kind: str) -> None:
    turned = {
        1: [0, 80, 160, 240],
        2: [80, 0, 240, 160],
        3: [240, 160, 80, 0],
        4: [160, 240, 0, 80],
        5: [0, 160, 80, 240],
        6: [160, 0, 240, 80],
        7: [240, 80, 160, 0],
        8: [80, 240, 0, 160],
    }
    for orientation, expected in turned.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
        file = saved(ARROW.convert("RGB"), kind, exif=exif, **options)
        assert np.allclose(corners(decode_image(file, 16, 16)), expected, atol=3), orientation
        assert np.allclose(corners(decode_mask(file, 16, 16)), expected, atol=3), orientation


def test_what_is_transparent_shows_white_in_an_image_and_black_in_a_mask() -> None:
    for image in (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), Image.new("LA", (8, 8), (90, 0))):
        assert pixel(saved(image)) == [255, 255, 255], image.mode
        assert decode_mask(saved(image), 8, 8)[4, 4] == 0, image.mode
    half = saved(Image.new("RGBA", (8, 8), (255, 0, 0, 128)))
    assert pixel(half) == [255, 127, 127]
    assert decode_mask(saved(Image.new("LA", (8, 8), (255, 128))), 8, 8)[4, 4] == 128


def test_a_color_that_is_declared_transparent_counts_as_such() -> None:
    assert pixel(saved(Image.new("RGB", (8, 8), (10, 20, 30)), transparency=(10, 20, 30))) == [255, 255, 255]
    assert pixel(saved(Image.new("L", (8, 8), 40), transparency=40)) == [255, 255, 255]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert pixel(saved(palette)) == [200, 100, 50]
    assert pixel(saved(palette, transparency=1)) == [255, 255, 255]


def png(depth: int, color_type: int, samples: Sequence[Sequence[int]], transparent: Sequence[int] = ()) -> bytes:
    """Return a PNG of 32 × 32 pixels: four quadrants, each of one gray shade or RGB color of this depth."""
    rows = b""
    for y in range(32):
        bits = "".join(f"{part:0{depth}b}" for x in range(32) for part in samples[2 * (y // 16) + x // 16])
        rows += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 32, 32, depth, color_type, 0, 0, 0),
        **({b"tRNS": struct.pack(f">{len(transparent)}H", *transparent)} if transparent else {}),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )


GRAY, RGB = 0, 2


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
@pytest.mark.parametrize("index", range(4))
def test_a_shade_that_is_declared_transparent_is_compared_at_its_own_depth(depth: int, index: int) -> None:
    most = 2**depth - 1
    shades = [most * part // 3 for part in range(4)]
    file = png(depth, GRAY, [(shade,) for shade in shades], (shades[index],))
    eighths = [0, 85, 170, 255]
    expected = [255 if place == index else shade for place, shade in enumerate(eighths)]
    assert corners(decode_image(file, 32, 32)) == expected
    assert corners(decode_mask(file, 32, 32)) == [0 if place == index else shade for place, shade in enumerate(eighths)]
    depth_map = decode_depth_map(file, 32, 32)
    corner = np.array([depth_map[y, x] for y in (0, -1) for x in (0, -1)], np.float64)
    kept = [0.0 if place == index else float(shade) for place, shade in enumerate(eighths)]
    assert np.allclose(corner / corner.max(), np.array(kept) / max(kept))


@pytest.mark.parametrize("high_bits", [0, 256])
def test_a_gray_shade_ignores_the_bits_above_its_depth(high_bits: int) -> None:
    for depth in (2, 4, 8):
        file = png(depth, GRAY, [(0,), (1,), (2,), (3,)], (1 + high_bits,))
        assert corners(decode_image(file, 32, 32))[1] == 255, depth


def test_a_shade_that_no_pixel_has_makes_nothing_transparent() -> None:
    file = png(16, GRAY, [(0,), (20_000,), (40_000,), (65_535,)], (78,))
    assert corners(decode_image(file, 32, 32)) == [0, 78, 156, 255]


@pytest.mark.parametrize(("depth", "last"), [(8, 0x9A), (16, 0x9ABC)])
def test_a_color_that_is_declared_transparent_is_compared_at_its_own_depth(depth: int, last: int) -> None:
    most, color = 2**depth - 1, (1, 2, last)
    near = [(1, 2, last + 1), (1, 3, last), (0, 2, last)]
    image = decode_image(png(depth, RGB, [color, *near], color), 32, 32)
    assert image[0, 0].tolist() == [255, 255, 255]
    for corner in (image[0, -1], image[-1, 0], image[-1, -1]):
        assert corner[:2].max() <= 3
    opaque = decode_image(png(depth, RGB, [(most, 0, 0)] * 4, color), 32, 32)
    assert opaque[0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_become_eight_by_proportion() -> None:
    for value, expected in ((0, 0), (128, 0), (129, 1), (32_768, 128), (65_535, 255), (300, 1)):
        image = Image.fromarray(np.full((8, 8), value, np.uint16))
        assert pixel(saved(image)) == [expected] * 3
        assert decode_mask(saved(image), 8, 8)[4, 4] == expected


def test_ink_one_bit_and_gray_become_rgb() -> None:
    assert pixel(saved(Image.new("1", (8, 8), 1))) == [255, 255, 255]
    assert pixel(saved(Image.new("L", (8, 8), 77))) == [77, 77, 77]
    assert np.allclose(
        pixel(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)), [254, 0, 0], atol=3
    )


@pytest.mark.parametrize(
    ("image", "kind", "profile", "expected"),
    [
        (Image.new("RGB", (8, 8), (220, 60, 40)), "PNG", rgb_profile(DISPLAY_P3), [239, 35, 17]),
        (Image.new("RGB", (8, 8), (220, 60, 40)), "WEBP", rgb_profile(DISPLAY_P3), [239, 35, 17]),
        (Image.new("RGB", (8, 8), (220, 60, 40)), "JPEG", rgb_profile(DISPLAY_P3), [239, 35, 17]),
        (Image.new("RGBA", (8, 8), (220, 60, 40, 255)), "PNG", rgb_profile(DISPLAY_P3), [239, 35, 17]),
        (Image.new("RGBA", (8, 8), (220, 60, 40, 0)), "PNG", rgb_profile(DISPLAY_P3), [255, 255, 255]),
        (Image.new("RGB", (8, 8), (220, 60, 40)).quantize(2), "PNG", rgb_profile(DISPLAY_P3), [239, 35, 17]),
        (Image.new("L", (8, 8), 128), "PNG", rgb_profile(SRGB, gamma_curve(1)), [188, 188, 188]),
        (Image.new("L", (8, 8), 128), "PNG", gray_profile(gamma_curve(1)), [188, 188, 188]),
        (Image.new("L", (8, 8), 128), "JPEG", gray_profile(gamma_curve(1)), [188, 188, 188]),
        (Image.new("LA", (8, 8), (128, 255)), "PNG", gray_profile(gamma_curve(1)), [188, 188, 188]),
        (Image.new("I;16", (8, 8), 128 * 257), "PNG", gray_profile(gamma_curve(1)), [188, 188, 188]),
        (Image.new("1", (8, 8), 1), "PNG", gray_profile(gamma_curve(1)), [255, 255, 255]),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG", cmyk_profile(), [118, 118, 118]),
    ],
)
def test_an_embedded_color_profile_is_converted_to_srgb(
    image: Image.Image, kind: str, profile: bytes, expected: list[int]
) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    file = saved(image, kind, icc_profile=profile, **options)
    warnings: list[JobWarning] = []
    for decode in (decode_image, decode_low_res_image):
        assert np.allclose(decode(file, 8, 8, warnings.append)[4, 4], expected, atol=2 if kind == "JPEG" else 1)
    assert warnings == []


def test_an_image_with_an_srgb_profile_is_left_as_it_is() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (64, 64, 3), np.uint8)
    file = saved(Image.fromarray(noise), icc_profile=rgb_profile(SRGB))
    assert np.array_equal(decode_image(file, 64, 64), noise)


def test_values_of_masks_and_depth_maps_are_no_colors() -> None:
    file = saved(Image.new("L", (8, 8), 128), icc_profile=gray_profile(gamma_curve(1)))
    assert decode_mask(file, 8, 8)[4, 4] == 128
    assert decode_depth_map(file, 8, 8)[4, 4] == 128


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b"no profile"),
        ("RGB", rgb_profile(DISPLAY_P3)[:300]),
        ("RGB", rgb_profile(DISPLAY_P3).replace(b"RGB ", b"RG\xff ")),
        ("RGB", gray_profile(gamma_curve(1))),
        ("RGB", cmyk_profile()),
        ("CMYK", rgb_profile(DISPLAY_P3)),
    ],
)
def test_a_color_profile_that_cannot_be_used_is_ignored_with_a_warning(mode: str, profile: bytes) -> None:
    image = Image.new(mode, (8, 8), (0, 255, 255, 0)[: len(mode)])
    plain, tagged = (saved(image, "JPEG", icc_profile=each) for each in (None, profile))
    warnings: list[JobWarning] = []
    assert np.array_equal(decode_image(tagged, 8, 8, warnings.append), decode_image(plain, 8, 8, warnings.append))
    [warning] = warnings
    assert warning.code == "color_profile_ignored"


def test_a_color_profile_of_which_a_part_is_missing_is_ignored_with_a_warning() -> None:
    file = saved(Image.new("RGB", (8, 8), (220, 60, 40)), "JPEG", icc_profile=rgb_profile(DISPLAY_P3) + bytes(70_000))
    second = file.index(b"ICC_PROFILE\0\2")
    warnings: list[JobWarning] = []
    decode_image(file[:second] + b"icc" + file[second + 3 :], 8, 8, warnings.append)
    assert [warning.code for warning in warnings] == ["color_profile_ignored"]


def test_a_colored_mask_goes_by_its_brightness() -> None:
    assert decode_mask(saved(Image.new("RGB", (8, 8), (0, 255, 0))), 8, 8)[0, 0] == 150


def test_what_is_to_be_upscaled_is_resized_as_its_pipeline_does_it() -> None:
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (41, 30, 3), np.uint8))
    assert np.array_equal(decode_low_res_image(saved(noise), 28, 40), noise.resize((28, 40), Image.Resampling.BICUBIC))
    assert np.array_equal(decode_low_res_image(saved(noise), 30, 41), noise)


@pytest.mark.parametrize(
    ("size", "becomes"), [((40, 20), (40, 20)), ((1024, 1024), (1024, 1024)), ((512, 4096), (362, 2896))]
)
def test_what_is_to_be_edited_keeps_its_proportions(size: tuple[int, int], becomes: tuple[int, int]) -> None:
    height, width, _ = decode_edited_image(saved(Image.new("RGB", size)), 16, 16).shape
    assert (width, height) == becomes


def test_a_depth_map_keeps_its_eight_bits_or_its_sixteen() -> None:
    gray = np.random.default_rng(7).integers(0, 256, (5, 3), np.uint8)
    assert np.array_equal(decode_depth_map(saved(Image.fromarray(gray)), 8, 5), gray)
    deep = np.arange(30_000, 31_001, dtype=np.uint16).reshape(77, 13)
    found = decode_depth_map(saved(Image.fromarray(deep)), 64, 80)
    assert (found.dtype, np.unique(found).size, found.min(), found.max()) == (np.float32, 1001, 0, 1)
    assert np.allclose(found * 1000 + 30_000, deep, atol=0.01)
    assert not decode_depth_map(saved(Image.fromarray(np.full((4, 4), 9_000, np.uint16))), 8, 8).any()


def test_a_depth_map_is_made_smaller_than_its_image_never_larger() -> None:
    edge = np.kron(np.array([[0, 65_535], [65_535, 0]], np.uint16), np.ones((40, 20), np.uint16))
    assert decode_depth_map(saved(Image.fromarray(edge)), 64, 64).shape == (64, 40)
    small = decode_depth_map(saved(Image.fromarray(edge)), 8, 8)
    assert (small.shape, small.dtype) == ((8, 8), np.float32)
    assert np.array_equal(np.round(small), np.kron(np.eye(2)[::-1], np.ones((4, 4))))
    gray = decode_depth_map(saved(Image.fromarray((edge // 257).astype(np.uint8))), 8, 8)
    assert (gray.dtype, gray[0].tolist()) == (np.uint8, (small[0] * 255).round().astype(int).tolist())


def test_a_depth_map_is_turned_upright_and_farthest_where_it_is_transparent() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for arrow in (ARROW, Image.fromarray(np.asarray(ARROW).astype(np.uint16) * 257)):
        found = decode_depth_map(saved(arrow, exif=exif), 16, 16)
        corner = [found[y, x] for y in (0, -1) for x in (0, -1)]
        assert np.argsort(corner).tolist() == [1, 3, 0, 2]  # from the farthest corner to the nearest
    assert decode_depth_map(saved(Image.new("LA", (8, 8), (90, 0))), 8, 8).max() == 0
    assert decode_depth_map(saved(Image.new("RGB", (8, 8), (0, 255, 0))), 8, 8)[0, 0] == 150


def test_other_formats_are_not_even_tried() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        decode_image(saved(Image.new("L", (8, 8)), "GIF"), 8, 8)


@pytest.mark.filterwarnings("ignore:.*EXIF")
def test_exif_that_cannot_be_read_turns_nothing() -> None:
    file = saved(ARROW.convert("RGB"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", quality=100)
    assert np.allclose(corners(decode_image(file, 16, 16)), [0, 80, 160, 240], atol=3)


@pytest.mark.parametrize("side", [8, 32, 64, 512])
def test_a_mask_of_another_size_reaches_no_further_than_the_pixels_at_its_edges(side: int) -> None:
    """A filter that overshoots, such as Lanczos, leaves copies of the edges outside, and holes inside."""
    square = np.zeros((side, side), np.uint8)
    square[side // 4 : side // 2, side // 4 : side // 2] = 255
    mask = decode_mask(saved(Image.fromarray(square)), 64, 64).copy()
    reach = max(1, 64 // side)
    assert (mask[16 + reach : 32 - reach, 16 + reach : 32 - reach] == 255).all()
    mask[16 - reach : 32 + reach, 16 - reach : 32 + reach] = 0
    assert not mask.any()
