"""The image of a request: its `inputs` in base64, or its whole body."""

import re

from renderq.contract import LIMITS
from renderq.contract.image_references import is_data_url
from renderq_api.assets import ImageRejected, file_too_large
from renderq_api.doors.hf.fields import ImageRequest
from renderq_api.doors.input_images import decode_file, rejected

_IMAGE = re.compile(r"iVBORw0KGgo|/9j/|UklGR")
"""How PNG, JPEG and WebP begin in base64. No prompt does."""


def input_image(request: ImageRequest) -> bytes | None:
    """Return the image file of a request; `None` if its `inputs` is a prompt. Raises `ApiProblem`.

    Clients send an image without a prompt, too.
    """
    text = request.inputs
    if request.parameters.prompt is None and not (_IMAGE.match(text) or is_data_url(text)):
        return None
    try:
        data = decode_file(text)
    except ImageRejected as error:
        raise rejected("image", error) from error
    return check_size(data)


def check_size(data: bytes) -> bytes:
    """Return an image file that is not too large. Raises `ApiProblem`."""
    if len(data) > LIMITS.asset_bytes:
        raise file_too_large()
    return data
