"""Images that doors decode have the pixels that a worker reads from the same file."""

import io

import numpy as np
import pytest
from PIL import Image

from renderq_api.doors.a1111.fields import Img2ImgFields, parse_fields
from renderq_api.doors.a1111.input_images import crop_center, prepare_mask
from renderq_api.doors.a1111.upscalers import resize_file
from renderq_api.doors.openai.alpha_mask import alpha_mask
from renderq_worker.jobs.inputs.image_decoding import decode_image, decode_mask
from tests.worker.jobs.inputs.icc_profiles import DISPLAY_P3, cmyk_profile, rgb_profile
from tests.worker.jobs.inputs.test_image_decoding import GRAY, RGB, png, saved

SIZE = (32, 32)

FILES = {
    "16 bits": png(16, GRAY, [(0,), (20_000,), (40_000,), (65_535,)]),
    "16 bits, one shade transparent": png(16, GRAY, [(0,), (20_000,), (40_000,), (65_535,)], (20_000,)),
    "2 bits, one shade transparent": png(2, GRAY, [(0,), (1,), (2,), (3,)], (2,)),
    "16 bits, one color transparent": png(16, RGB, [(1, 2, 3), (1, 2, 4), (9, 9, 9), (65_535, 0, 0)], (1, 2, 3)),
    "Display P3": saved(Image.new("RGB", SIZE, (220, 60, 40)), icc_profile=rgb_profile(DISPLAY_P3)),
    "CMYK": saved(Image.new("CMYK", SIZE, (0, 0, 0, 255)), "JPEG", icc_profile=cmyk_profile()),
    "damaged profile": saved(Image.new("RGB", SIZE, (220, 60, 40)), icc_profile=b"none"),
}


@pytest.mark.parametrize("name", FILES)
def test_an_image_keeps_its_colors_and_its_transparency(name: str) -> None:
    pixels = decode_image(FILES[name], *SIZE)
    resized = resize_file(FILES[name], SIZE, Image.Resampling.NEAREST, None)
    assert np.array_equal(decode_image(resized, *SIZE), pixels)
    assert np.array_equal(decode_image(crop_center(FILES[name], SIZE), *SIZE), pixels)


def test_a_mask_of_16_bits_keeps_its_shades() -> None:
    fields = parse_fields(Img2ImgFields, {"init_images": ["AAAA"], "mask_blur": 0})
    mask = prepare_mask(FILES["16 bits"], fields)
    assert np.array_equal(decode_mask(mask, *SIZE), decode_mask(FILES["16 bits"], *SIZE))


@pytest.mark.parametrize("name", [name for name in FILES if "transparent" in name])
def test_the_shade_that_a_file_declares_transparent_is_the_mask(name: str) -> None:
    mask = alpha_mask(FILES[name])
    assert mask is not None
    transparent = (decode_image(FILES[name], *SIZE) == 255).all(-1) & (decode_mask(FILES[name], *SIZE) == 0)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(mask))) == 255, transparent)
