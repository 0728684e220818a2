"""What an uploaded file says of its own making."""

import io
import json

from PIL import Image

from renderq.image_files.recipe import read_recipe

_MAX_CHARACTERS = 64 << 10


def stated_recipe(data: bytes) -> str | None:
    """Return the body of a submission as JSON: the recipe of a file that has been checked; `None` if it has none."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            recipe = read_recipe(image)
    except Exception:  # a recipe that cannot be read, or what Pillow raises for its place in the file
        return None
    text = json.dumps(recipe.body, separators=(",", ":")) if recipe else ""
    return text if 0 < len(text) <= _MAX_CHARACTERS else None
