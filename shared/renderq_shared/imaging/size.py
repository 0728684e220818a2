"""Sides of pictures: what the API promises and the worker makes must be the same."""

from renderq.contract import JobRequest, ModelLimits, OutpaintRequest, UpscaleRequest

UPSCALE_FACTOR = 4
"""How many times as wide and as high `upscale` makes a picture."""


def round_down(pixels: int, multiple: int = 8) -> int:
    """The side of what is made from a picture with this side: rounded down to a multiple, as stock pipelines do."""
    return max(multiple, pixels - pixels % multiple)


def input_size(request: JobRequest, width: int, height: int, limits: ModelLimits) -> tuple[int, int]:
    """To which sides an input picture of width × height is brought: those that are asked for, else in proportion.

    Where nothing is asked for, the picture's own, made smaller until the result fits the model; but a picture that is
    to become larger is never made smaller first.
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
    wider, higher = _extension(request)
    room = max(8, limits.max_side - wider) / width, max(8, limits.max_side - higher) / height
    pixels = (limits.max_pixels / (width * height)) ** 0.5
    scale = min(1.0, *room, pixels)
    return round_down(int(width * scale)), round_down(int(height * scale))


def output_size(request: JobRequest) -> tuple[int, int]:
    """Width and height of the pictures that a resolved request makes. Raises `ValueError` for one that is not."""
    if request.width is None or request.height is None:
        raise ValueError("the stored request lacks defaults")
    if isinstance(request, UpscaleRequest):
        return UPSCALE_FACTOR * request.width, UPSCALE_FACTOR * request.height
    wider, higher = _extension(request)
    return request.width + wider, request.height + higher


def _extension(request: JobRequest) -> tuple[int, int]:
    """How much wider and higher the result is than the picture."""
    if not isinstance(request, OutpaintRequest):
        return 0, 0
    extend = request.extend
    return extend.left + extend.right, extend.top + extend.bottom
