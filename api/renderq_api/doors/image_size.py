"""Size of images in requests of doors: the nearest one that the model renders."""

import math

from renderq_shared.catalog import ModelEntry


def fit_size(width: int, height: int, model: ModelEntry) -> tuple[int, int]:
    """Return the size that the model renders for a wished one, in pixels.

    Within the model's limits the sides are rounded down to its multiple. Beyond them the image gets the wished
    proportion and the area of the model's default size: a model draws best at that, and 1024 × 1024 is what many tools
    ask for without their users' knowledge.
    """
    limits, defaults = model.limits, model.defaults
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        factor = math.sqrt(defaults.width * defaults.height / (width * height))
        width, height = (min(math.floor(side * factor), limits.max_side) for side in (width, height))
    multiple = limits.size_multiple
    return max(width - width % multiple, multiple), max(height - height % multiple, multiple)
