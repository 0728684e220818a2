"""Requests that come from a picture's file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from renderq.cli.exits import UsageError
from renderq.cli.services import not_installed
from renderq.fields import RequestFields

if TYPE_CHECKING:
    from renderq.picture_files.recipe import FoundRecipe


def read(file: str) -> "FoundRecipe":
    """The recipe in a file. Raises `UsageError` if there is none that can be read."""
    try:
        from renderq.picture_files.opening import PictureUnreadable, opened
        from renderq.picture_files.recipe import RecipeUnreadable, recipe_in
    except ModuleNotFoundError as error:
        raise not_installed("run --from", error, "inspect") from None
    try:
        with opened(Path(file)) as (_, image):
            recipe = recipe_in(image)
    except PictureUnreadable as error:
        raise UsageError(f"{file} cannot be looked into: {error}") from error
    except RecipeUnreadable as error:
        raise UsageError(f"the recipe in {file} cannot be read: {error}") from error
    if recipe is None:
        raise UsageError(f"{file} has no recipe; say what to make")
    return recipe


def changed(recipe: "FoundRecipe", prompt: str | None, fields: RequestFields) -> tuple[str | None, RequestFields]:
    """The recipe's prompt and request, with what the command line says instead."""
    body: dict[str, Any] = dict(recipe.body)
    written = body.pop("prompt", None)
    output = {**body.get("output", {}), **cast(dict[str, Any], fields.get("output", {}))}
    return written if prompt is None else prompt, cast(RequestFields, {**body, **fields, "output": output})
