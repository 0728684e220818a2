"""Masks in OpenAI's form, an image whose transparent parts are made anew → masks whose white parts are."""

import io

from PIL import ImageOps

from renderq_api.assets import check_image
from renderq_shared.imaging.image_file import read_image


def alpha_mask(data: bytes) -> bytes | None:
    """Return the mask as PNG; `None` if the image has no transparency. Raises `ImageRejected`.

    Decodes the file: call it in a thread, one at a time.
    """
    check_image(data)
    image = read_image(data)
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    file = io.BytesIO()
    ImageOps.invert(alpha).save(file, "PNG")
    return file.getvalue()
