"""Full decode of an input image, so that only files that a worker can read are stored."""

import io
from dataclasses import replace

from PIL import Image

from renderq_api.assets.errors import ImageRejected, unreadable
from renderq_api.assets.image_header import ImageHeader, read_header
from renderq_api.assets.missing_rows import check_jpeg_rows, check_png_rows, luma
from renderq_shared.imaging.exif import oriented_size


def check_image(data: bytes) -> ImageHeader:
    """Decode a file; return its type and its size after EXIF orientation. Raises `ImageRejected`.

    The largest accepted image takes up to 1.1 GiB and a few seconds: call it in a thread, one at a time.
    """
    header = read_header(data)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.size != (header.width, header.height):
                raise unreadable("its headers give two different sizes")
            if header.content_type == "image/jpeg":
                check_jpeg_rows(data, luma(data))
            else:
                image.load()
            if header.content_type == "image/png":
                check_png_rows(data)
            width, height = oriented_size(image)
    except (ImageRejected, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise many types
        raise unreadable("the file is truncated or damaged") from error
    return replace(header, width=width, height=height)
