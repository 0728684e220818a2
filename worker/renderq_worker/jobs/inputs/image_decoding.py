"""From a picture's file to the pixels that a model starts from. Pure: the same bytes give the same pixels.

1. The picture is turned as its EXIF orientation says.
2. 16 bits become 8, palettes and CMYK become RGB. Color profiles are not applied.
3. What is transparent shows white. In a mask it shows black, and is kept; a mask then becomes grey.
4. It is resized to the sides that are wanted, by Lanczos's filter; one that is to be upscaled, by a bicubic one.

A depth map keeps its 16 bits, and its own sides unless they are larger; what is transparent in it is farthest.
"""

import io

import numpy as np
from PIL import Image

from renderq_shared.imaging.exif import apply_orientation
from renderq_worker.engine import Depth, Mask, Pixels

_FORMATS = ("PNG", "JPEG", "WEBP")


def decode_image(file: bytes, width: int, height: int) -> Pixels:
    """[height, width, 3]. Raises whatever Pillow stumbles over."""
    return _resized(_on(_read(file), "white"), width, height)


def decode_low_res_image(file: bytes, width: int, height: int) -> Pixels:
    """A picture that is to be upscaled, [height, width, 3], as its pipeline resizes it."""
    image = _on(_read(file), "white")
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def decode_mask(file: bytes, width: int, height: int) -> Mask:
    """[height, width]. Raises whatever Pillow stumbles over."""
    return _resized(_on(_read(file), "black").convert("L"), width, height)


def decode_depth_map(file: bytes, width: int, height: int) -> Depth:
    """At most [height, width], larger is nearer: 16 bits as float32 stretched to 0 … 1, else the 8 bits as they are.

    Stretched here, because a model's bfloat16 would make of the shades between 30,000 and 31,000 no more than nine. No
    larger than the picture, because it waits for its turn in memory, and the model takes it without smoothing it.
    """
    image = apply_orientation(_load(file))
    is_deep = image.mode.startswith("I")
    image = Image.fromarray(np.asarray(image).astype(np.float32)) if is_deep else _on(image, "black").convert("L")
    sides = min(image.width, width), min(image.height, height)
    depth = np.asarray(image.resize(sides, Image.Resampling.BILINEAR))  # Lanczos's filter would overshoot at edges
    if not is_deep:
        return depth
    span = np.ptp(depth)
    return (depth - depth.min()) / span if span else np.zeros_like(depth)


def _read(file: bytes) -> Image.Image:
    return apply_orientation(_eight_bits(_load(file)))


def _load(file: bytes) -> Image.Image:
    with Image.open(io.BytesIO(file), formats=_FORMATS) as image:
        image.load()
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow's own conversion cuts off what is above 255."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    grey.info.update(image.info)
    return grey


def _on(image: Image.Image, ground: str) -> Image.Image:
    """RGB, on a ground of this color."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, ground), above).convert("RGB")


def _resized(image: Image.Image, width: int, height: int) -> Pixels | Mask:
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
