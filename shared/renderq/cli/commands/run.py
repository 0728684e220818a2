"""`renderq run`: render a prompt and save the images."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from renderq.cli import connection, recipes, request_options
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError, format_error
from renderq.cli.formatting import as_json, printable
from renderq.cli.progress import ProgressBar, is_terminal
from renderq.contract import Job
from renderq.errors import JobNotSucceeded, RenderqError
from renderq.job_handle import JobHandle

EPILOG = """\
examples:
  renderq run "a red circle on a blue background" -o out.png
  renderq run "a lighthouse" -n 4 --seed 42 -o images/   images/job_…-0.png … -3.png
  renderq run "a lighthouse" -n 9 -o images/ --grid all.png
  renderq run "a lighthouse at night" --image day.jpg --strength 0.6 -o night.png
  renderq run --task upscale --image small.png --model x4 -o large.png
  renderq run "a lighthouse" --steps 40 --quality 80 -o out.webp --json
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument(
        "-o",
        "--out",
        metavar="PATH",
        default=".",
        help="File or folder to save to (default: current folder); several images become NAME-0, NAME-1, ….",
    )
    parser.add_argument("--grid", dest="grid_file", metavar="FILE", help="Save a grid of all images to FILE.")
    parser.add_argument(
        "--from",
        dest="recipe_file",
        metavar="IMAGE",
        help="Render the recipe embedded in IMAGE again; other options override it.",
    )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="Stop waiting after SECONDS; the job continues."
    )
    parser.add_argument("--json", action="store_true", help="Print job and file names as one JSON object.")
    parser.add_argument("-q", "--quiet", action="store_true", help="Print errors only.")
    request_options.add_arguments(parser, format_default="from the file name")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    args.grid = True if args.grid_file else None
    prompt, fields = args.prompt, request_options.request_fields(args, _common_format(args))
    recipe = recipes.read_recipe_file(args.recipe_file) if args.recipe_file else None
    if recipe:
        prompt, fields = recipes.with_overrides(recipe, prompt, fields)
    _check_writable(Path(args.out))
    if args.grid_file:
        _check_writable(Path(args.grid_file))
    failure = None
    with connection.connect(args) as client:
        handle = request_options.submit(client, prompt, fields)
        try:
            _wait(handle, args)
        except JobNotSucceeded as error:
            failure = error
        files = _save(handle, args)
    _report(handle.job, files, args)
    if recipe and handle.job.model_revision not in (None, recipe.model_revision):
        revision = printable(recipe.model_revision)
        print(f"renderq: warning: it was rendered by revision {revision}; this one may look different", file=sys.stderr)
    if failure:
        raise failure
    return ExitCode.OK


def _common_format(args: argparse.Namespace) -> str | None:
    """Return the format of all files of the job. Raises `UsageError` if their names disagree."""
    images = _image_format(args.out, args.format)
    if not args.grid_file:
        return images
    grid = _image_format(args.grid_file, args.format)
    if images and grid and grid != images:
        raise UsageError(f"{args.out} and {args.grid_file} have different formats; all files of a job have the same")
    return images or grid


def _image_format(out: str, chosen: str | None) -> str | None:
    """Return the format from `--format` or the file name. Raises `UsageError` if they disagree."""
    suffix = "" if Path(out).is_dir() or out.endswith(("/", os.sep)) else Path(out).suffix.lower()
    named = request_options.FORMATS.get(suffix)
    if chosen and named and named != chosen:
        raise UsageError(f"--format {chosen} contradicts {out}; omit one of them")
    if suffix and not named and not chosen:
        raise UsageError(f"{out} has an unsupported suffix; use .png, .jpg or .webp, or add --format")
    return chosen or named


def _check_writable(out: Path) -> None:
    """Raise `UsageError` before rendering if the output cannot be saved."""
    folder = next(path for path in (out.absolute(), *out.absolute().parents) if path.is_dir())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} is not writable; choose another folder with -o")


def _wait(handle: JobHandle, args: argparse.Namespace) -> None:
    """Wait for the job. Ctrl-C cancels it."""
    try:
        if args.quiet or not is_terminal(sys.stderr):
            handle.wait(args.timeout)
        else:
            with ProgressBar(sys.stderr) as bar:
                handle.wait(args.timeout, bar.update)
    except KeyboardInterrupt:
        try:
            job = handle.cancel()
        except RenderqError as error:
            print(f"renderq: {handle.id} could not be canceled: {format_error(error)}", file=sys.stderr)
        else:
            print(f"renderq: {job.id} is {job.status}", file=sys.stderr)
        raise


def _save(handle: JobHandle, args: argparse.Namespace) -> tuple[Path, ...]:
    try:
        files = handle.images.save(args.out)
        return (*files, handle.grid.save(args.grid_file)) if args.grid_file and handle.grid else files
    except OSError as error:
        path = error.filename or args.out
        raise UsageError(f"{path} cannot be written: {error.strerror}; the images remain in {handle.id}") from error


def _report(job: Job, files: Sequence[Path], args: argparse.Namespace) -> None:
    if args.json:
        print(as_json({"job": job, "files": [str(file) for file in files]}))
    elif not args.quiet:
        for file in files:
            print(file)
        for warning in job.warnings:
            print(f"renderq: warning: {printable(warning.message)}", file=sys.stderr)


command = Command(
    help="render an image and save it",
    add_arguments=_add_arguments,
    run=_run,
)
