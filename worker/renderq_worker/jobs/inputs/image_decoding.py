"""Decoding of input files to the pixels that a model starts from. Deterministic: the same bytes give the same pixels.

1. The EXIF orientation is applied.
2. 16 bits become 8; palettes and CMYK become RGB. Colors are converted from an embedded profile to sRGB; the values of
   masks and depth maps are no colors.
3. Transparent pixels become white; in a mask they become black (kept). Masks become gray.
4. The image is resized with a Lanczos filter, or with a bicubic one for upscaling; those to be edited only if they
   are larger than what the models are trained for. Masks and depth maps are resized
   with a bilinear one: the others overshoot, which leaves faint copies of edges beside them.

A depth map keeps its 16 bits, and its own size unless that exceeds the image's; its transparent pixels are farthest.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from renderq.contract import JobWarning
from renderq_shared.imaging.color_profile import ProfileUnusable
from renderq_shared.imaging.exif import apply_orientation
from renderq_shared.imaging.image_file import load_stored, read_colors, read_image
from renderq_worker.engine import Depth, Mask, Pixels

_EDITED_PIXELS = 1024 * 1024

Warn = Callable[[JobWarning], None]


def _discard(_: JobWarning) -> None:
    pass


def decode_image(file: bytes, width: int, height: int, warn: Warn = _discard) -> Pixels:
    """Return pixels [height, width, 3]. Raises Pillow's errors, of any type."""
    image = _composite(_read_colors(file, warn), "white")
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def decode_edited_image(file: bytes, width: int, height: int, warn: Warn = _discard) -> Pixels:
    """Return pixels of an input of `edit`: in its own size, reduced to the area for which such models are trained."""
    image = _composite(_read_colors(file, warn), "white")
    scale = min(1.0, (_EDITED_PIXELS / (image.width * image.height)) ** 0.5)
    size = int(image.width * scale), int(image.height * scale)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def decode_low_res_image(file: bytes, width: int, height: int, warn: Warn = _discard) -> Pixels:
    """Return pixels [height, width, 3] of an image to be upscaled, resized as diffusers' upscale pipeline does."""
    image = _composite(_read_colors(file, warn), "white")
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def decode_mask(file: bytes, width: int, height: int, warn: Warn = _discard) -> Mask:
    """Return a mask [height, width]. Raises Pillow's errors, of any type."""
    mask = _composite(read_image(file), "black").convert("L")
    return np.asarray(mask.resize((width, height), Image.Resampling.BILINEAR))


def decode_depth_map(file: bytes, width: int, height: int, warn: Warn = _discard) -> Depth:
    """Return depth of at most [height, width], larger is nearer: 16 bits as float32 in 0 … 1, 8 bits as they are.

    16 bits are normalized here because bfloat16 keeps no more than nine of the values between 30,000 and 31,000. The
    map is at most as large as the image because it waits in memory, and the model resizes it without antialiasing.
    """
    image = apply_orientation(load_stored(file))
    is_16_bit = image.mode.startswith("I")
    if is_16_bit:
        image = Image.fromarray(_farthest_where_transparent(image).astype(np.float32))
    else:
        image = _composite(image, "black").convert("L")
    size = min(image.width, width), min(image.height, height)
    depth = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    if not is_16_bit:
        return depth
    span = np.ptp(depth)
    return (depth - depth.min()) / span if span else np.zeros_like(depth)


def _farthest_where_transparent(image: Image.Image) -> npt.NDArray[np.uint16]:
    """Return 16-bit samples, 0 where they have the shade that the file declares transparent."""
    values = np.asarray(image)
    shade = image.info.get("transparency")
    return values if shade is None else np.where(values == shade, 0, values)


def _read_colors(file: bytes, warn: Warn) -> Image.Image:
    def warn_of(error: ProfileUnusable) -> None:
        message = f"the image's color profile was ignored: {error}; save the image with the profile sRGB"
        warn(JobWarning(code="color_profile_ignored", message=message))

    return read_colors(file, warn_of)


def _composite(image: Image.Image, background: str) -> Image.Image:
    """Return the image as RGB over a background of this color."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    foreground = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", foreground.size, background), foreground).convert("RGB")
