"""Checks of input images before and after decoding: complete files of three types, no decompression bombs."""

import re
import zlib
from typing import Any

import pytest

from renderq.contract import LIMITS
from renderq_api.assets.image_check import check_image
from renderq_api.assets.image_header import ImageHeader, ImageRejected
from tests.api.assets.image_files import (
    FORMATS,
    ONE_PIXEL,
    animated_file,
    chunk,
    idat_chunk,
    image_file,
    many_scans,
    png_file,
    rotated_file,
)


def rejection(data: bytes) -> tuple[str, str]:
    with pytest.raises(ImageRejected) as rejected:
        check_image(data)
    return rejected.value.code, rejected.value.detail


@pytest.mark.parametrize("kind", list(FORMATS))
def test_type_and_size_come_from_the_content(kind: str) -> None:
    assert check_image(image_file(kind, 24, 16)) == ImageHeader(FORMATS[kind], 24, 16)


@pytest.mark.parametrize(
    "data",
    [
        image_file("PNG", mode="P"),
        image_file("PNG", mode="RGBA"),
        image_file("PNG", mode="I;16"),
        image_file("PNG", mode="1"),
        image_file("JPEG", mode="L"),
        image_file("JPEG", mode="CMYK"),
        image_file("JPEG", progressive=True),
        image_file("WEBP", mode="RGBA"),
        image_file("WEBP", lossless=True),
        image_file("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    ],
    ids=["P", "RGBA", "16 bit", "1 bit", "L", "CMYK", "progressive", "WebP RGBA", "VP8L", "VP8X"],
)
def test_every_kind_of_pixels_is_taken(data: bytes) -> None:
    assert (check_image(data).width, check_image(data).height) == (24, 16)


@pytest.mark.parametrize("kind", list(FORMATS))
def test_the_size_is_that_of_the_image_as_it_is_shown(kind: str) -> None:
    sizes = {orientation: (check_image(rotated_file(kind, orientation)).width) for orientation in range(1, 9)}
    assert sizes == {1: 24, 2: 24, 3: 24, 4: 24, 5: 16, 6: 16, 7: 16, 8: 16}


@pytest.mark.filterwarnings("ignore:.*EXIF")
def test_exif_that_cannot_be_read_says_nothing() -> None:
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        assert check_image(image_file("JPEG", exif=exif)).width == 24


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GIF89a...", "a GIF"),
        (image_file("TIFF"), "a TIFF"),
        (image_file("BMP"), "a BMP"),
        (b"\0\0\0 ftypavif", "an AVIF"),
        (b"\0\0\0 ftypheic", "a HEIC"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\3\4", "a ZIP archive"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, HTML or XML"),
        (b"\n <!DOCTYPE html><script>alert(1)</script>" + image_file(), "SVG, HTML or XML"),
        (b"RIFF\0\0\0\0WAVE", "none of these"),
        (b"prompt", "none of these"),
        (b"\0" + image_file(), "none of these"),
    ],
)
def test_other_types_are_named(data: bytes, found: str) -> None:
    assert rejection(data) == ("unsupported_media_type", f"The image must be PNG, JPEG or WebP; this file is {found}.")


def test_an_empty_file_is_none() -> None:
    assert rejection(b"") == ("input_unreadable", "The image cannot be read: the file is empty. Save it again.")


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_file_that_ends_early_is_refused_wherever_it_ends(kind: str) -> None:
    whole = image_file(kind)
    codes = {rejection(whole[:length])[0] for length in range(12, len(whole))}
    assert codes == {"input_unreadable"}


PASSES = ((3, 2), (3, 2), (6, 2), (6, 4), (12, 4), (12, 8), (24, 8))
"""Width and height of the passes of an interlaced image of 24 × 16 pixels."""


@pytest.mark.parametrize("missing", [25, 75])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_last_rows_are_missing_is_refused(missing: int, interlaced: bool) -> None:
    """The compressed data ends properly, and so does the file."""
    pixels = bytes(sum((1 + width) * height for width, height in (PASSES if interlaced else ((24, 16),))))
    whole, cut = (
        png_file(idat_chunk(data), width=24, height=16, interlaced=interlaced) for data in (pixels, pixels[:-missing])
    )
    assert check_image(whole).height == 16
    assert rejection(cut) == (
        "input_unreadable",
        "The image cannot be read: its last rows are missing. Save it again.",
    )


@pytest.mark.parametrize("share", [0.97, 0.9, 0.5, 0.2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 100, "subsampling": 0},
        {"mode": "L"},
        {"mode": "CMYK"},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"restart_marker_rows": 1, "progressive": True},
    ],
    ids=lambda options: " ".join(options) or "RGB",
)
def test_a_jpeg_that_lacks_a_part_of_its_picture_is_refused(options: dict[str, Any], share: float) -> None:
    whole = image_file("JPEG", 200, 160, **options)
    assert check_image(whole).width == 200
    data = whole.index(b"\xff\xda") + 14
    cut = whole[: data + round((len(whole) - data) * share)].rstrip(b"\xff") + b"\xff\xd9"
    assert rejection(cut)[0] == "input_unreadable"


def test_a_jpeg_without_a_last_interval_is_refused() -> None:
    whole = image_file("JPEG", 200, 160, restart_marker_blocks=2)
    last_restarts = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", whole)][-4:]
    for restart in last_restarts[:2]:
        assert rejection(whole[:restart] + b"\xff\xd9")[0] == "input_unreadable"


@pytest.mark.parametrize("window", [1, 2, 3, 1_000])
def test_a_marker_may_stand_anywhere(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are searched piece by piece."""
    for module in ("image_header", "missing_rows"):
        monkeypatch.setattr(f"renderq_api.assets.{module}.WINDOW", window)
    whole = image_file("JPEG", 64, 48, restart_marker_blocks=1)
    assert check_image(whole).width == 64
    restart = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", whole)][-4]
    assert rejection(whole[:restart] + b"\xff\xd9")[0] == "input_unreadable"


def test_a_jpeg_with_more_restart_markers_than_blocks_is_refused() -> None:
    """Each would take a hundred bytes of memory, so that a file of 32 MB took gigabytes."""
    whole = image_file("JPEG", 64, 64, restart_marker_blocks=1)
    assert check_image(whole).width == 64
    padded = whole[:-2] + b"\xff\xd0" * 65 + whole[-2:]
    assert "too many restart markers" in rejection(padded)[1]


def test_a_jpeg_with_rows_of_fill_bytes_is_refused() -> None:
    """Pillow's decoder reads them again for each of its blocks: 32 MB took 14 s."""
    whole = image_file("JPEG", 64, 64)
    assert check_image(whole[:-2] + b"\xff" * 16 + whole[-2:]).width == 64
    assert "too many fill bytes" in rejection(whole[:-2] + b"\xff" * 300 + whole[-2:])[1]


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"mode": "RGBA"}])
def test_a_webp_that_lacks_a_part_of_its_picture_is_refused(options: dict[str, Any]) -> None:
    whole = image_file("WEBP", 200, 160, **options)
    assert whole[12:16] in {b"VP8 ", b"VP8L"}
    for share in (0.95, 0.5):
        size = round(len(whole) * share) // 2 * 2
        head = b"RIFF" + (size - 8).to_bytes(4, "little") + whole[8:16] + (size - 20).to_bytes(4, "little")
        assert rejection(head + whole[20:size])[0] == "input_unreadable"


def test_a_flipped_bit_in_a_png_is_found() -> None:
    whole = image_file()
    for position in range(8, len(whole)):
        damaged = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
        assert rejection(damaged)[0] == "input_unreadable"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_images_are_refused(kind: str) -> None:
    assert rejection(animated_file(kind)) == (
        "input_unreadable",
        "The image cannot be read: it is animated. Send one frame of it.",
    )


@pytest.mark.parametrize(
    "data",
    [
        png_file(ONE_PIXEL, width=60_000, height=60_000),
        png_file(ONE_PIXEL, width=2**31 - 1, height=2**31 - 1),
        b"\xff\xd8\xff\xc0\0\x0b\x08" + b"\xff\xff\xff\xff" + b"\1\1\x11\0" + b"\xff\xd9",
        b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\xff" * 2 + b"\0\0",
        b"RIFF\x1e\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 10,
        b"RIFF\x1e\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + b"\0" * 10,
    ],
    ids=["60,000", "2 billion", "JPEG", "VP8X", "VP8L", "VP8"],
)
def test_a_claim_of_too_many_pixels_is_not_put_to_the_test(data: bytes) -> None:
    code, detail = rejection(data)
    assert code == "asset_too_large"
    assert f"{LIMITS.asset_pixels:,}" in detail


def test_as_many_pixels_as_are_allowed_are_taken_and_not_one_row_more() -> None:
    side = 8192
    rows = zlib.compress(bytes(1 + side), 9) and b"\0" * (1 + side)
    assert check_image(png_file(idat_chunk(rows * side), width=side, height=side)).width == side
    assert rejection(png_file(ONE_PIXEL, width=side, height=side + 1))[0] == "asset_too_large"


@pytest.mark.parametrize(
    "data",
    [
        png_file(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20))) * 300, ONE_PIXEL),
        png_file(chunk(b"abCd") * 300, ONE_PIXEL),
        png_file(chunk(b"IDAT") * 70_000, ONE_PIXEL),
        png_file(chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(2 << 20))), ONE_PIXEL),
        image_file("JPEG")[:2] + b"\xff\xfe\0\2" * 5_000 + image_file("JPEG")[2:],
        many_scans(100),
    ],
    ids=["profiles", "chunks", "empty pixels", "text", "comments", "scans"],
)
def test_absurd_files_are_refused(data: bytes) -> None:
    assert rejection(data)[0] == "input_unreadable"


@pytest.mark.parametrize(
    "data",
    [
        png_file(idat_chunk(b"\0" * 4), width=64, height=64),
        png_file(width=8, height=8),
        png_file(ONE_PIXEL, width=0, height=8),
        png_file(chunk(b"IHDR", b"\0\0\0\2\0\0\0\2\x08\0\0\0\0"), ONE_PIXEL),
        png_file(chunk(b"IDAT", b"no zlib"), width=8, height=8),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND"),
        b"\xff\xd8\xff\xd9",
        b"RIFF\x1e\0\0\0WEBPVP8X",
        b"RIFF\x1e\0\0\0WEBPNONE" + bytes(20),
    ],
    ids=[
        "few pixels",
        "no pixels",
        "no width",
        "two headers",
        "no zlib",
        "no PNG header",
        "no JPEG header",
        "cut",
        "odd",
    ],
)
def test_a_structure_without_an_image_is_refused(data: bytes) -> None:
    assert rejection(data)[0] == "input_unreadable"


def test_pixels_that_unpack_to_more_than_the_image_has_cost_nothing() -> None:
    bomb = png_file(idat_chunk(bytes(64 << 20)))
    assert len(bomb) < 100_000
    assert check_image(bomb) == ImageHeader("image/png", 1, 1)


def test_what_follows_an_image_is_left_alone() -> None:
    """Phones append more images to a JPEG. Any appended data is served as part of the image."""
    for kind in FORMATS:
        assert check_image(image_file(kind) + b"PK\3\4 and a whole archive").width == 24
