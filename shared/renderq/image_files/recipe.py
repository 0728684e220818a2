"""Recipes embedded in image files: location, format and validation."""

import json
from dataclasses import dataclass
from typing import cast

from PIL import ExifTags, Image
from pydantic import JsonValue, ValidationError

from renderq.contract import JobRequest, parse_request

Recipe = dict[str, JsonValue]

RECIPE_VERSION = 1
PNG_KEY = "renderq"
EXIF_PREFIX = b"ASCII\0\0\0"
"""Prefix of the text in `UserComment`."""

NON_RECIPE_FIELDS = frozenset({"metadata", "priority", "deadline_seconds", "webhook"})
"""Request fields that recipes omit, because the image does not depend on them."""


@dataclass(frozen=True, slots=True)
class EmbeddedRecipe:
    """A recipe whose request is valid, as far as can be checked without its model."""

    request: JobRequest
    model_revision: str

    @property
    def body(self) -> dict[str, JsonValue]:
        """Body of a `POST /v1/jobs` that renders the image again."""
        body = self.request.model_dump(mode="json", exclude=set(NON_RECIPE_FIELDS), exclude_unset=True)
        return {"task": self.request.task, **body}


class RecipeUnreadable(Exception):
    """The file has a recipe that this version cannot read."""


def read_recipe(image: Image.Image) -> EmbeddedRecipe | None:
    """Read the recipe of an opened image without decoding its pixels; `None` if it has none.

    Raises `RecipeUnreadable`.
    """
    text = image.info.get(PNG_KEY) if image.format == "PNG" else _comment(image)
    return None if text is None else _read(text)


def _comment(image: Image.Image) -> bytes | None:
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if isinstance(comment, bytes) and comment.startswith(EXIF_PREFIX + b'{"'):
        return comment.removeprefix(EXIF_PREFIX)
    return None


def _read(text: str | bytes) -> EmbeddedRecipe:
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeUnreadable("it is not JSON") from error
    if not isinstance(recipe, dict) or recipe.get("renderq") != RECIPE_VERSION:
        raise RecipeUnreadable(f"its version is not {RECIPE_VERSION}, the one that this renderq reads")
    fields = cast(Recipe, recipe)
    request, revision = fields.get("request"), fields.get("model_revision")
    if not isinstance(request, dict) or not isinstance(revision, str):
        raise RecipeUnreadable("it has no request or no model revision")
    try:
        return EmbeddedRecipe(parse_request(request), revision)
    except (ValidationError, RecursionError) as error:
        raise RecipeUnreadable("its request is not valid for this version of renderq") from error
