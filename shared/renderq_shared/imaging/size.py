"""Size of input and output images: the API promises what the worker renders."""

from renderq.contract import JobRequest, ModelLimits, OutpaintRequest, ResolvedRequest, UpscaleRequest

UPSCALE_FACTOR = 4
"""Factor by which `upscale` enlarges width and height of an image."""


def round_down(pixels: int, multiple: int) -> int:
    """Return a side in pixels rounded down to a multiple, as stock pipelines do; at least one multiple."""
    return max(multiple, pixels - pixels % multiple)


def nearest_multiples(pixels: int, multiple: int, smallest: int, largest: int) -> tuple[int, ...]:
    """Return the multiples just below and just above a number of pixels that are within the bounds, in pixels."""
    below = pixels - pixels % multiple
    nearest = {min(max(each, smallest), largest - largest % multiple) for each in (below, below + multiple)}
    return tuple(sorted(nearest))


def input_size(request: JobRequest, width: int, height: int, limits: ModelLimits) -> tuple[int, int]:
    """Return the size to which an input image of width × height is resized.

    A side that the request sets is kept, and a missing one follows in proportion. Without either, the image keeps its
    size, reduced until the output fits the model's limits; the input of `upscale` is never reduced.
    """
    multiple = limits.size_multiple
    if request.width and request.height:
        return request.width, request.height
    if request.width:
        return request.width, round_down(height * request.width // width, multiple)
    if request.height:
        return round_down(width * request.height // height, multiple), request.height
    if isinstance(request, UpscaleRequest):
        return round_down(width, multiple), round_down(height, multiple)
    extra_width, extra_height = _extension(request)
    by_width = max(multiple, limits.max_side - extra_width) / width
    by_height = max(multiple, limits.max_side - extra_height) / height
    by_pixels = (limits.max_pixels / (width * height)) ** 0.5
    scale = min(1.0, by_width, by_height, by_pixels)
    return round_down(int(width * scale), multiple), round_down(int(height * scale), multiple)


def output_size(request: ResolvedRequest) -> tuple[int, int]:
    """Return width and height of the images of a request."""
    width, height = rendered_size(request)
    return width * request.output.resize, height * request.output.resize


def rendered_size(request: ResolvedRequest) -> tuple[int, int]:
    """Return width and height of the images that the model renders, before `output.resize`."""
    if isinstance(request, UpscaleRequest):
        return UPSCALE_FACTOR * request.width, UPSCALE_FACTOR * request.height
    extra_width, extra_height = _extension(request)
    return request.width + extra_width, request.height + extra_height


def _extension(request: JobRequest) -> tuple[int, int]:
    """Return how much wider and higher the output is than the input image."""
    if not isinstance(request, OutpaintRequest):
        return 0, 0
    extend = request.extend
    return extend.left + extend.right, extend.top + extend.bottom
