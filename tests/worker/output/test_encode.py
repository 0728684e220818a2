import hashlib
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image

from renderq.contract import OutputOptions, ResolvedRequest, parse_resolved_request
from renderq.image_files import watermark
from renderq_worker.output import Recipe, encode, image_recipe

FORMATS = ["png", "jpeg", "webp"]
REQUEST = {
    "task": "txt2img",
    "prompt": "a red circle, naïve, 円",
    "model": "shapes",
    "width": 64,
    "height": 40,
    "steps": 4,
    "guidance_scale": 2.0,
    "seed": 42,
    "n": 4,
    "priority": 3,
    "deadline_seconds": 60.0,
    "metadata": {"order": "A-17"},
}


def request(**fields: Any) -> ResolvedRequest:
    return parse_resolved_request({**REQUEST, **fields})


def gradient(height: int = 40, width: int = 64) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 20, (height, width))
    return np.stack([rows * 5 % 256, columns * 3 % 256, noise], axis=-1).astype(np.uint8)


def options(format: str, **fields: Any) -> OutputOptions:
    return OutputOptions.model_validate({"format": format, **fields})


def decode(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def read_recipe(data: bytes) -> Recipe | None:
    image = Image.open(io.BytesIO(data))
    if image.format == "PNG":
        text = image.info.get("renderq")
        return None if text is None else json.loads(text)
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    return None if comment is None else json.loads(comment.removeprefix(b"ASCII\0\0\0"))


RECIPE = image_recipe(request(), 1, "r1")


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_image_has_the_same_bytes(format: str) -> None:
    first, second = (encode(gradient(), options(format), image_recipe(request(), 1, "r1")) for _ in range(2))
    assert first == second
    assert first.sha256 == hashlib.sha256(first.data).hexdigest()
    assert (first.width, first.height) == (64, 40)
    assert first.content_type == f"image/{format}"


@pytest.mark.parametrize("format", FORMATS)
def test_the_digest_of_the_pixels_is_that_of_what_the_file_decodes_to(format: str) -> None:
    encoded = encode(gradient(), options(format), RECIPE)
    assert encoded.pixel_sha256 == hashlib.sha256(decode(encoded.data).tobytes()).hexdigest()


@pytest.mark.parametrize(("quality", "luma_sampling"), [(89, (2, 2)), (90, (1, 1)), (100, (1, 1))])
def test_a_jpeg_keeps_the_whole_resolution_of_colors_from_quality_90(
    quality: int, luma_sampling: tuple[int, int]
) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, ::2], pixels[:, 1::2] = (255, 0, 0), (0, 0, 255)
    data = encode(pixels, options("jpeg", quality=quality), RECIPE).data
    with Image.open(io.BytesIO(data)) as image:
        assert image.layer[0][1:3] == luma_sampling  # type: ignore[attr-defined]
    difference = np.abs(decode(data).astype(int) - pixels).max()
    assert difference < 30 if luma_sampling == (1, 1) else difference > 100


@pytest.mark.parametrize("shape", [(8, 8), (40, 64), (64, 40), (1, 1), (512, 512)])
def test_png_keeps_every_pixel(shape: tuple[int, int]) -> None:
    pixels = gradient(*shape)
    data = encode(pixels, options("png"), RECIPE).data
    Image.open(io.BytesIO(data)).verify()
    assert np.array_equal(decode(data), pixels)


def test_png_keeps_every_pixel_of_a_view_into_another_array() -> None:
    pixels = gradient(80, 128)[::2, ::2, ::-1]
    assert np.array_equal(decode(encode(pixels, options("png"), RECIPE).data), pixels)


@pytest.mark.parametrize("format", FORMATS)
def test_the_recipe_can_be_read_back(format: str) -> None:
    assert read_recipe(encode(gradient(), options(format), RECIPE).data) == RECIPE


@pytest.mark.parametrize("prompt", ["a red circle, naïve", "a red circle, 円 🙂"])
def test_a_png_has_the_settings_in_the_form_of_other_programs(prompt: str) -> None:
    recipe = image_recipe(request(prompt=prompt, negative_prompt="blurry"), 1, "r1")
    with Image.open(io.BytesIO(encode(gradient(), options("png"), recipe).data)) as image:
        text = image.info["parameters"]
    assert text.startswith(f"{prompt}\nNegative prompt: blurry\nSteps: 4, CFG scale: 2, Seed: 43, Size: 64x40, ")


def test_an_image_is_the_same_file_with_a_grid_beside_it() -> None:
    assert image_recipe(request(output={"grid": True}), 1, "r1") == RECIPE


@pytest.mark.parametrize("format", FORMATS)
def test_without_the_recipe_the_file_has_no_metadata(format: str) -> None:
    encoded = encode(gradient(), options(format, embed_recipe=False), RECIPE)
    assert read_recipe(encoded.data) is None
    assert b"circle" not in encoded.data


def test_the_recipe_is_a_request_for_this_one_image() -> None:
    assert RECIPE["model_revision"] == "r1"
    body = RECIPE["request"]
    assert isinstance(body, dict)
    assert (body["seed"], body["n"]) == (43, 1)
    again = parse_resolved_request(body)
    assert image_recipe(again, 0, "r1") == RECIPE


def test_the_recipe_holds_nothing_that_does_not_make_the_image() -> None:
    other = request(priority=0, deadline_seconds=None, metadata={"order": "B-1"}, n=2)
    assert image_recipe(other, 1, "r1") == RECIPE


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_makes_smaller_or_better_files(format: str) -> None:
    small, large = (encode(gradient(), options(format, quality=quality), RECIPE).data for quality in (10, 100))
    assert len(small) < len(large)


def test_a_recipe_that_no_jpeg_can_hold_is_left_out_and_said_so() -> None:
    recipe = image_recipe(request(prompt="円" * 8000, negative_prompt="円" * 8000), 0, "r1")
    jpeg, webp, png = (encode(gradient(), options(format), recipe) for format in ("jpeg", "webp", "png"))
    assert jpeg.recipe_left_out
    assert read_recipe(jpeg.data) is None
    assert not webp.recipe_left_out
    assert not png.recipe_left_out
    assert read_recipe(webp.data) == read_recipe(png.data) == recipe


@pytest.mark.parametrize("format", FORMATS)
def test_the_watermark_is_in_the_pixels_that_are_counted(format: str) -> None:
    encoded = encode(gradient(256, 256), options(format, watermark="by us"), RECIPE)
    pixels = decode(encoded.data)
    found = watermark.detect(watermark.votes(pixels))
    assert found is not None
    assert (found.content, encoded.watermark_faint) == (b"by us", False)
    assert encoded.pixel_sha256 == hashlib.sha256(pixels.tobytes()).hexdigest()


def test_a_watermark_that_the_file_does_not_keep_is_reported() -> None:
    encoded = encode(gradient(256, 256), options("jpeg", quality=1, watermark="made by us"), RECIPE)
    assert encoded.watermark_faint
