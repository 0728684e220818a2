"""`renderq inspect`: recipe and watermark of an image file, without a service."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, printable
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import PATH
from renderq.cli.plugins import missing_dependency

if TYPE_CHECKING:
    from renderq.image_files.inspection import Inspection

EPILOG = """\
examples:
  renderq inspect out.png
  renderq inspect out.png --json | jq .recipe.request | curl -d @- -H 'Content-Type: application/json' …/v1/jobs
  renderq run --from out.png -o again.png
"""

_RELIABLE_AGREEMENT = 0.99
"""Share of agreeing blocks below which single characters may be wrong."""


@define_command(CLIENT_COMMANDS["inspect"].summary, EPILOG)
@click.argument("file", metavar="FILE", type=PATH, help="PNG, JPEG or WebP file.")
@click.option(
    "--watermark-bytes",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Read a watermark of exactly N bytes, text or not (default: detect 4 to 32 characters).",
)
@json_option("Print one JSON object.")
def command(file: str, watermark_bytes: int | None) -> int:
    try:
        from renderq.image_files.inspection import inspect
        from renderq.image_files.reader import ImageUnreadable
    except ModuleNotFoundError as error:
        raise missing_dependency("inspect", error, "inspect") from None
    try:
        inspection = inspect(Path(file), watermark_bytes)
    except ImageUnreadable as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if wants_json():
        print(as_json(_document(file, inspection)))
    else:
        print("\n".join(_lines(file, inspection)))
    return ExitCode.OK


def _document(file: str, inspection: "Inspection") -> dict[str, Any]:
    names = ("format", "width", "height", "size_bytes", "sha256", "pixel_sha256")
    recipe, mark = inspection.recipe, inspection.watermark
    return {
        "file": file,
        **{name: getattr(inspection, name) for name in names},
        "recipe": {"request": recipe.body, "model_revision": recipe.model_revision} if recipe else None,
        "recipe_problem": inspection.recipe_problem,
        "watermark": {
            "text": _text(mark.content),
            "hex": mark.content.hex(),
            "agreement": round(mark.agreement, 3),
            "named_by_recipe": inspection.is_expected,
        }
        if mark
        else None,
    }


def _lines(file: str, inspection: "Inspection") -> Iterator[str]:
    size = f"{inspection.width} × {inspection.height}"
    yield f"{printable(file)}: {inspection.format.upper()}, {size}, {inspection.size_bytes:,} bytes"
    yield f"sha256        {inspection.sha256}"
    yield f"pixel_sha256  {inspection.pixel_sha256}"
    yield f"watermark     {_watermark(inspection)}"
    if inspection.recipe is None:
        problem = inspection.recipe_problem
        yield f"recipe        {f'unreadable: {problem}' if problem else 'none found'}"
        return
    request = inspection.recipe.request
    yield f"prompt        {printable(request.prompt)}"
    if inspection.recipe.model_revision is None:
        yield "written by    another program; its settings as far as renderq has them"
    else:
        yield f"model         {printable(request.model or '')}, revision {printable(inspection.recipe.model_revision)}"
    yield f"seed          {request.seed}"
    yield f"request       {as_json(inspection.recipe.body, indent=None)}"


def _watermark(inspection: "Inspection") -> str:
    mark, expected = inspection.watermark, inspection.recipe.request.output.watermark if inspection.recipe else None
    if mark is None:
        return f"none found, but the recipe names {printable(expected)}" if expected else "none found"
    text = _text(mark.content)
    what = f'"{text}"' if text is not None else f"0x{mark.content.hex()}"
    if inspection.is_expected:
        return f"{what}, confirmed by the recipe"
    return what if mark.agreement >= _RELIABLE_AGREEMENT else f"{what}, single characters may be wrong"


def _text(content: bytes) -> str | None:
    return content.decode("ascii") if content.isascii() and content.decode("ascii").isprintable() else None
