"""Recipes embedded in image files: location, format and validation."""

import json
from dataclasses import dataclass
from typing import cast

from PIL import ExifTags, Image
from pydantic import JsonValue, ValidationError

from renderq.contract import JobRequest, parse_request
from renderq.image_files.infotext import read_infotext

Recipe = dict[str, JsonValue]

RECIPE_VERSION = 1
PNG_KEY = "renderq"
INFOTEXT_PNG_KEY = "parameters"
EXIF_PREFIX = b"ASCII\0\0\0"
"""Prefix of the text in `UserComment`."""

_UTF16_PREFIX = b"UNICODE\0"

NON_RECIPE_FIELDS = frozenset({"metadata", "priority", "deadline_seconds", "webhook"})
"""Request fields that recipes omit, because the image does not depend on them."""


@dataclass(frozen=True, slots=True)
class EmbeddedRecipe:
    """A recipe whose request is valid, as far as can be checked without its model."""

    request: JobRequest
    model_revision: str | None
    """`None`: another program has written the settings."""

    @property
    def body(self) -> dict[str, JsonValue]:
        """Body of a `POST /v1/jobs` that renders the image again."""
        body = self.request.model_dump(mode="json", exclude=set(NON_RECIPE_FIELDS), exclude_unset=True)
        return {"task": self.request.task, **body}


class RecipeUnreadable(Exception):
    """The file has a recipe that this version cannot read."""


def read_recipe(image: Image.Image) -> EmbeddedRecipe | None:
    """Read the recipe of an opened image without decoding its pixels; `None` if it has none.

    If renderq has not written one, the settings of other programs are read as far as renderq has them.
    Raises `RecipeUnreadable`.
    """
    own = image.info.get(PNG_KEY) if image.format == "PNG" else _own_text(_comment(image))
    if own is not None:
        return _read(own)
    request = read_infotext(embedded_infotext(image))
    return request and EmbeddedRecipe(request, model_revision=None)


def embedded_infotext(image: Image.Image) -> str:
    """Return the text of settings that other programs read, as they have written it; empty if there is none."""
    if image.format == "PNG":
        text = image.info.get(INFOTEXT_PNG_KEY)
        return text if isinstance(text, str) else ""
    comment = _comment(image)
    return "" if _own_text(comment) is not None else _foreign_text(comment)


def _comment(image: Image.Image) -> bytes:
    """Return `UserComment`, with the prefix that names its encoding; empty if there is none."""
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    return comment if isinstance(comment, bytes) else b""


def _own_text(comment: bytes) -> bytes | None:
    return comment.removeprefix(EXIF_PREFIX) if comment.startswith(EXIF_PREFIX + b'{"') else None


def _foreign_text(comment: bytes) -> str:
    if comment.startswith(_UTF16_PREFIX):
        # Its order of bytes is not said; a text of settings has many ASCII characters.
        text = comment.removeprefix(_UTF16_PREFIX)
        big_endian = text[0::2].count(0) >= text[1::2].count(0)
        return text.decode("utf-16-be" if big_endian else "utf-16-le", "replace")
    return comment.removeprefix(EXIF_PREFIX).decode("utf-8", "replace")


def _read(text: str | bytes) -> EmbeddedRecipe:
    try:
        recipe = json.loads(text)
        json.dumps(recipe, ensure_ascii=False).encode()  # raises ValueError for half of a surrogate pair
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
