"""Requests from the recipes embedded in image files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from renderq.cli.exit_codes import UsageError
from renderq.cli.plugins import missing_dependency
from renderq.request_params import RequestParams

if TYPE_CHECKING:
    from renderq.image_files.recipe import EmbeddedRecipe


def read_recipe_file(file: str) -> "EmbeddedRecipe":
    """Read the recipe of an image file. Raises `UsageError` if it is missing or unreadable."""
    try:
        from renderq.image_files.reader import ImageUnreadable, open_image
        from renderq.image_files.recipe import RecipeUnreadable, read_recipe
    except ModuleNotFoundError as error:
        raise missing_dependency("run --from", error, "inspect") from None
    try:
        with open_image(Path(file)) as (_, image):
            recipe = read_recipe(image)
    except ImageUnreadable as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    except RecipeUnreadable as error:
        raise UsageError(f"the recipe in {file} cannot be read: {error}") from error
    if recipe is None:
        raise UsageError(f"{file} contains no recipe")
    return recipe


def with_overrides(
    recipe: "EmbeddedRecipe", prompt: str | None, fields: RequestParams
) -> tuple[str | None, RequestParams]:
    """Return prompt and request of the recipe, overridden by the command line."""
    body: dict[str, Any] = dict(recipe.body)
    recipe_prompt = body.pop("prompt", None)
    output = {**body.get("output", {}), **cast(dict[str, Any], fields.get("output", {}))}
    return recipe_prompt if prompt is None else prompt, cast(RequestParams, {**body, **fields, "output": output})
