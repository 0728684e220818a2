"""Settings of an image file."""

import io
import json
import re

from PIL import Image
from pydantic import BaseModel, Field

from renderq.contract import parse_resolved_request
from renderq.image_files.infotext import infotext_parameters
from renderq.image_files.infotext_writer import write_infotext
from renderq.image_files.recipe import INFOTEXT_PNG_KEY, embedded_infotext, read_recipe
from renderq_api.assets import check_image

MAX_CHARACTERS = 64 << 10
"""Longer texts of a file are left out."""


_SIZE = re.compile(r"(\d+)x(\d+)")


class FileSettings(BaseModel):
    """What a file says of its own making."""

    info: str = Field(description="Settings as one text; empty if there are none.")
    items: dict[str, str] = Field(description="Other texts of the file.")
    parameters: dict[str, str] = Field(description="Settings by name.")


def read_settings(data: bytes) -> FileSettings:
    """Read the settings of a file. Raises `ImageRejected`. Decodes it: call it in a thread, one at a time."""
    check_image(data)
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        info = _infotext(image)
        texts = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
    texts.pop(INFOTEXT_PNG_KEY, None)
    items = {name: text for name, text in texts.items() if len(text) <= MAX_CHARACTERS}
    info = info if len(info) <= MAX_CHARACTERS else ""
    return FileSettings(info=info, items=items, parameters=_with_sides(infotext_parameters(info)))


def _with_sides(parameters: dict[str, str]) -> dict[str, str]:
    """Return the settings with `Size-1` and `Size-2` for `Size`, and so for each size."""
    result: dict[str, str] = {}
    for name, text in parameters.items():
        size = _SIZE.fullmatch(text)
        result |= {f"{name}-1": size[1], f"{name}-2": size[2]} if size else {name: text}
    return result


def _infotext(image: Image.Image) -> str:
    """Return the settings of a file as text, or those of its recipe; empty if neither can be read."""
    try:
        if text := embedded_infotext(image):
            return text
        recipe = read_recipe(image)
        request = parse_resolved_request(recipe.body) if recipe else None
    except Exception:  # a recipe without a setting, or what Pillow raises for a damaged place in the file
        return ""
    if recipe is None or request is None:
        return ""
    return write_infotext(json.loads(request.to_json()), recipe.model_revision or "")
