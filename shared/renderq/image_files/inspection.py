"""Inspection of an image file: format, hashes, recipe and watermark."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renderq.image_files import watermark
from renderq.image_files.reader import open_image
from renderq.image_files.recipe import EmbeddedRecipe, RecipeUnreadable, read_recipe
from renderq.image_files.watermark import Watermark


@dataclass(frozen=True, slots=True)
class Inspection:
    """Contents of an image file."""

    format: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    pixel_sha256: str
    """sha256 of the decoded RGB bytes, row by row, as in `outputs` of a job."""
    recipe: EmbeddedRecipe | None
    recipe_problem: str | None
    """Reason why an existing recipe cannot be read."""
    watermark: Watermark | None
    is_expected: bool
    """True if the watermark is the one that the recipe names: then every character is certain."""


def inspect(path: Path, watermark_bytes: int | None = None) -> Inspection:
    """Inspect a file. `watermark_bytes`: length of a watermark of arbitrary bytes; default: detect text of any length.

    Raises `ImageUnreadable`.
    """
    with open_image(path) as (data, image):
        pixels = np.asarray(image.convert("RGB"))
        try:
            recipe, problem = read_recipe(image), None
        except RecipeUnreadable as error:
            recipe, problem = None, str(error)
        image_format = str(image.format).lower()
    votes = watermark.votes(pixels)
    expected = _expected(votes, recipe) if watermark_bytes is None else None
    return Inspection(
        format=image_format,
        width=pixels.shape[1],
        height=pixels.shape[0],
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
        recipe=recipe,
        recipe_problem=problem,
        watermark=expected or watermark.detect(votes, watermark_bytes),
        is_expected=expected is not None,
    )


def _expected(votes: watermark.Votes, recipe: EmbeddedRecipe | None) -> Watermark | None:
    """Return the watermark that the recipe names, if the pixels contain it."""
    text = recipe.request.output.watermark if recipe else None
    return watermark.confirm(votes, text) if text else None
