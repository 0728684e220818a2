"""`renderq inspect`: what an image's file tells, without a service."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, printable
from renderq.cli.plugins import missing_dependency

if TYPE_CHECKING:
    from renderq.image_files.inspection import Inspection

EPILOG = """\
examples:
  renderq inspect out.png
  renderq inspect out.png --json | jq .recipe.request | curl -d @- -H 'Content-Type: application/json' …/v1/jobs
  renderq run --from out.png -o again.png
"""

_SURE = 0.99
"""Share of agreeing blocks below which single letters may be wrong."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="A PNG, JPEG or WebP.")
    parser.add_argument(
        "--watermark-bytes",
        type=int,
        choices=range(1, 65),
        metavar="N",
        help="Read a watermark of just so many bytes, text or not (default: look for 4 to 32 letters).",
    )
    parser.add_argument("--json", action="store_true", help="Print what was found as one JSON object.")


def _run(args: argparse.Namespace) -> int:
    try:
        from renderq.image_files.inspection import inspect
        from renderq.image_files.reader import ImageUnreadable
    except ModuleNotFoundError as error:
        raise missing_dependency("inspect", error, "inspect") from None
    try:
        found = inspect(Path(args.file), args.watermark_bytes)
    except ImageUnreadable as error:
        raise UsageError(f"{args.file} cannot be looked into: {error}") from error
    if args.json:
        print(as_json(_document(args.file, found)))
    else:
        print("\n".join(_lines(args.file, found)))
    return ExitCode.OK


def _document(file: str, found: "Inspection") -> dict[str, Any]:
    names = ("format", "width", "height", "size_bytes", "sha256", "pixel_sha256")
    recipe, mark = found.recipe, found.watermark
    return {
        "file": file,
        **{name: getattr(found, name) for name in names},
        "recipe": {"request": recipe.body, "model_revision": recipe.model_revision} if recipe else None,
        "recipe_problem": found.recipe_problem,
        "watermark": {
            "text": _text(mark.content),
            "hex": mark.content.hex(),
            "agreement": round(mark.agreement, 3),
            "named_by_recipe": found.is_expected,
        }
        if mark
        else None,
    }


def _lines(file: str, found: "Inspection") -> Iterator[str]:
    yield f"{printable(file)}: {found.format.upper()}, {found.width} × {found.height}, {found.size_bytes:,} bytes"
    yield f"sha256        {found.sha256}"
    yield f"pixel_sha256  {found.pixel_sha256}"
    yield f"watermark     {_watermark(found)}"
    if found.recipe is None:
        yield f"recipe        {f'unreadable: {found.recipe_problem}' if found.recipe_problem else 'none found'}"
        return
    request = found.recipe.request
    yield f"prompt        {printable(request.prompt)}"
    yield f"model         {printable(request.model or '')}, revision {printable(found.recipe.model_revision)}"
    yield f"seed          {request.seed}"
    yield f"request       {as_json(found.recipe.body, indent=None)}"


def _watermark(found: "Inspection") -> str:
    mark, named = found.watermark, found.recipe.request.output.watermark if found.recipe else None
    if mark is None:
        return f"none found, though the recipe names {printable(named)}" if named else "none found"
    text = _text(mark.content)
    what = f'"{text}"' if text is not None else f"0x{mark.content.hex()}"
    if found.is_expected:
        return f"{what}, as the recipe says"
    return what if mark.agreement >= _SURE else f"{what}, in which single letters may be wrong"


def _text(content: bytes) -> str | None:
    return content.decode("ascii") if content.isascii() and content.decode("ascii").isprintable() else None


command = Command(
    help="say how an image was made, and what it carries in its pixels; needs no service",
    add_arguments=_add_arguments,
    run=_run,
)
