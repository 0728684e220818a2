"""Recipes: what reproduces an image. Without job id and time, so that the file's bytes are reproducible too."""

import json
from typing import cast

from PIL import ExifTags, Image
from pydantic import JsonValue

from renderq.contract import ResolvedRequest
from renderq.image_files.infotext_writer import write_infotext
from renderq.image_files.recipe import EXIF_PREFIX, NON_RECIPE_FIELDS, RECIPE_VERSION, Recipe

_EXIF_LIMIT = 65_533 - len(b"Exif\0\0")
"""Bytes of the EXIF block; a JPEG segment's 16-bit length field includes itself."""


def image_recipe(request: ResolvedRequest, index: int, model_revision: str) -> Recipe:
    """Return the recipe of image `index` of a resolved request; `recipe["request"]` can be submitted unchanged."""
    output = request.output.model_dump(mode="json", exclude={"grid"})
    single_image = {"seed": request.seed + index, "n": 1, "output": output}
    return {**grid_recipe(request, model_revision), "request": {**_body(request), **single_image}}


def grid_recipe(request: ResolvedRequest, model_revision: str) -> Recipe:
    """Return the recipe of all images of a resolved request, for their grid."""
    return {"renderq": RECIPE_VERSION, "request": _body(request), "model_revision": model_revision}


def _body(request: ResolvedRequest) -> dict[str, JsonValue]:
    return request.model_dump(mode="json", exclude=set(NON_RECIPE_FIELDS))


def recipe_text(recipe: Recipe) -> str:
    """Return the recipe as canonical ASCII JSON."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"))


def recipe_infotext(recipe: Recipe) -> str:
    """Return the settings in the form of other programs; those of a grid's first image."""
    return write_infotext(cast(dict[str, JsonValue], recipe["request"]), str(recipe["model_revision"]))


def recipe_exif(recipe: Recipe) -> bytes:
    """Return an EXIF block for JPEG and WebP with the recipe's JSON in `UserComment`."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = EXIF_PREFIX + recipe_text(recipe).encode()
    return exif.tobytes()


def fits_jpeg(exif: bytes) -> bool:
    """Return whether the block fits; only very long prompts in non-Latin scripts do not."""
    return len(exif.removeprefix(b"Exif\0\0")) <= _EXIF_LIMIT
