"""Masks in OpenAI's form, an image whose transparent parts are made anew → masks whose white parts are."""

import io

from PIL import Image, ImageOps

from renderq_api.assets import check_image
from renderq_shared.imaging.exif import apply_orientation


def alpha_mask(data: bytes) -> bytes | None:
    """Return the mask as PNG; `None` if the image has no transparency. Raises `ImageRejected`.

    Decodes the file: call it in a thread, one at a time.
    """
    check_image(data)
    with Image.open(io.BytesIO(data)) as image:
        if not image.has_transparency_data:
            return None
        alpha = apply_orientation(image.convert("RGBA").getchannel("A"))
    file = io.BytesIO()
    ImageOps.invert(alpha).save(file, "PNG")
    return file.getvalue()
