"""Image downloads: from the stable URL to verified bytes."""

import hashlib

from renderq._config import Configuration
from renderq._core.flows import Flow, perform
from renderq._core.requests import get_file
from renderq._core.responses import unexpected_response
from renderq.contract import Grid, Output
from renderq.errors import ImageCorrupted

REDIRECTS_MAX = 5


def download(output: Output | Grid, configuration: Configuration) -> Flow[bytes]:
    """Download an image file. The API key is sent to the service only, not to the store it redirects to.

    Raises `ImageCorrupted` if the sha256 differs, `ConnectionFailed` and `APIError`.
    """
    url = configuration.url(output.url)
    response = yield from perform(get_file(str(url)), configuration)
    for _ in range(REDIRECTS_MAX):
        if not response.has_redirect_location:
            break
        url = url.join(response.headers["Location"])
        response = yield from perform(get_file(str(url)), configuration)
    if not response.is_success:
        raise unexpected_response(response, "an image was expected")
    digest = hashlib.sha256(response.content).hexdigest()
    if digest != output.sha256:
        name = f"image {output.index}" if isinstance(output, Output) else "the grid"
        raise ImageCorrupted(
            f"{name} from {output.url} is damaged: {len(response.content)} bytes with sha256 {digest}, "
            f"expected {output.size_bytes} bytes with {output.sha256}"
        )
    return response.content
