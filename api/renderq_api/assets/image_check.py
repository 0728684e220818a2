"""An uploaded file, decoded once to the end: only what a worker can read is kept."""

import io
from dataclasses import replace

from PIL import Image

from renderq_api.assets.errors import ImageRejected, unreadable
from renderq_api.assets.image_header import ImageHeader, read_header
from renderq_shared.imaging.exif import oriented_size


def check_image(data: bytes) -> ImageHeader:
    """What the file is; width and height as it is shown. Raises `ImageRejected`.

    Takes up to 1.1 GiB and some seconds for the largest picture that is taken: call it in a thread, one at a time.
    """
    header = read_header(data)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.size != (header.width, header.height):
                raise unreadable("it names two sizes")
            image.load()
            width, height = oriented_size(image)
    except (ImageRejected, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise whatever they stumble over
        raise unreadable("the file ends early or is damaged") from error
    return replace(header, width=width, height=height)
