"""The recipe: what makes this one picture again. Neither id nor time, so that the file's bytes repeat too."""

import json

from PIL import ExifTags, Image
from pydantic import JsonValue

from renderq.contract import ResolvedRequest
from renderq.image_files.recipe import EXIF_PREFIX, NON_RECIPE_FIELDS, RECIPE_VERSION, Recipe

_EXIF_LIMIT = 65_533 - len(b"Exif\0\0")
"""A JPEG segment's length field has 16 bits and counts itself."""


def image_recipe(request: ResolvedRequest, index: int, model_revision: str) -> Recipe:
    """The recipe of image `index` of a resolved request: `recipe["request"]` can be submitted as it is."""
    output = request.output.model_dump(mode="json", exclude={"grid"})
    alone = {"seed": request.seed + index, "n": 1, "output": output}
    return {**grid_recipe(request, model_revision), "request": {**_body(request), **alone}}


def grid_recipe(request: ResolvedRequest, model_revision: str) -> Recipe:
    """The recipe of all images of a resolved request, for their grid."""
    return {"renderq": RECIPE_VERSION, "request": _body(request), "model_revision": model_revision}


def _body(request: ResolvedRequest) -> dict[str, JsonValue]:
    return request.model_dump(mode="json", exclude=set(NON_RECIPE_FIELDS))


def recipe_text(recipe: Recipe) -> str:
    """Canonical JSON in ASCII."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"))


def recipe_exif(recipe: Recipe) -> bytes:
    """The recipe as an EXIF block whose `UserComment` holds the JSON, as JPEG and WebP carry it."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = EXIF_PREFIX + recipe_text(recipe).encode()
    return exif.tobytes()


def fits_jpeg(exif: bytes) -> bool:
    """Only the longest prompts in other than Latin letters do not."""
    return len(exif.removeprefix(b"Exif\0\0")) <= _EXIF_LIMIT
