"""`renderq run`: render a prompt and save the images."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from renderq._core.retries import Deadline
from renderq.cli import connection, recipes, request_options
from renderq.cli.batch_run import BatchOptions, run_batch
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.errors import format_error
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, print_warning
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.output_target import OutputTarget
from renderq.cli.parameter_types import KEY_VALUE, PATH, PROMPTS, SECONDS
from renderq.cli.progress import progress_bars
from renderq.contract import Job
from renderq.errors import JobNotSucceeded, RenderqError
from renderq.job_handle import JobHandle
from renderq.request_params import RequestParams

if TYPE_CHECKING:
    from renderq.image_files.recipe import EmbeddedRecipe

EPILOG = """\
names:
  A name may have fields in braces: prompt_words, seed, index, id, batch_index, model, task, width, height.
  `-` is stdout; devices such as /dev/null are written to as they are.

examples:
  renderq run "a red circle on a blue background" -o out.png
  renderq run "a lighthouse" -n 4 --seed 42 -o images/   images/job_…-0.png … -3.png
  renderq run "a lighthouse" -n 12 -o "{prompt_words}-{seed}-{index:02}.png"
  renderq run "a lighthouse" -o - | display
  renderq run "a lighthouse" -n 9 -o images/ --grid all.png
  renderq run "a lighthouse at night" --image day.jpg --strength 0.6 -o night.png
  renderq run --task upscale --image small.png --model x4 -o large.png
  renderq run "a lighthouse" --steps 40 --quality 80 -o out.webp --json
  renderq run --prompts prompts.txt -o "images/{batch_index:03}-{prompt_words}.png"
  renderq run "a red cube" --sweep steps=5,10,20 --sweep prompt:red=red,blue -o images/ --sheet sheet.png
"""


@define_command(CLIENT_COMMANDS["run"].summary, EPILOG)
@request_options.add_options(format_default="from the file name")
@click.option(
    "-o",
    "--out",
    type=PATH,
    metavar="PATH",
    default=".",
    help="File or folder to save to (default: current folder); several images become NAME-0, NAME-1, ….",
)
@click.option("--grid", "grid_file", type=PATH, metavar="FILE", help="Save a grid of all images to FILE.")
@click.option(
    "--prompts", type=PROMPTS, metavar="FILE", help="Render every line of FILE, or of stdin for `-`, as one batch."
)
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    type=KEY_VALUE,
    metavar="FIELD=VALUES",
    help="Render with each of the comma-separated values, e.g. steps=10,20 or prompt:WORD=a,b; up to three times, for "
    "all combinations.",
)
@click.option("--sheet", "sheet_file", type=PATH, metavar="FILE", help="Save a labeled sheet of all jobs to FILE.")
@click.option(
    "--from",
    "recipe_file",
    type=PATH,
    metavar="IMAGE",
    help="Render the recipe embedded in IMAGE again; other options override it.",
)
@click.option(
    "--timeout", type=SECONDS, metavar="SECONDS", help="Give up after SECONDS; a job that was submitted continues."
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@json_option("Print job and file names as one JSON object; of a batch, all jobs.")
@connection.options
def command(
    prompt: str | None,
    out: str,
    grid_file: str | None,
    prompts: tuple[str, ...] | None,
    sweeps: tuple[tuple[str, str], ...],
    sheet_file: str | None,
    recipe_file: str | None,
    timeout: float | None,
    quiet: bool,
    **options: Any,
) -> int:
    target = OutputTarget.parse(out)
    grid_target = replace(OutputTarget.parse(grid_file), saved=target.saved) if grid_file else None
    image_format = _common_format(target, grid_target, options["format"])
    fields = request_options.request_fields({**options, "grid": True if grid_file else None}, image_format)
    batch = BatchOptions(prompts or (), sweeps, sheet_file)
    batch.check(target, has_prompt=prompt is not None, has_grid=grid_file is not None)
    recipe = recipes.read_recipe_file(recipe_file) if recipe_file else None
    if recipe:
        prompt, fields = recipes.with_overrides(recipe, prompt, fields)
    if batch:
        with connection.connect() as client:
            return run_batch(client, batch, prompt, fields, target, timeout=timeout, quiet=quiet)
    _check_targets(target, grid_target, fields)
    failure, deadline = None, Deadline.after(timeout)
    with connection.connect() as client:
        handle = request_options.submit(client, prompt, fields, timeout)
        try:
            _wait(handle, deadline.remaining, hidden=quiet)
        except JobNotSucceeded as error:
            failure = error
        files = _save(handle, target, grid_target)
    _report(handle.job, files, recipe, quiet=quiet)
    if failure:
        raise failure
    return ExitCode.OK


def _common_format(target: OutputTarget, grid_target: OutputTarget | None, chosen: str | None) -> str | None:
    """Return the format of all files of the job. Raises `UsageError` if their names disagree."""
    images = target.image_format(chosen)
    if not grid_target:
        return images
    grid = grid_target.image_format(chosen)
    if images and grid and grid != images:
        names = f"{target.text} and {grid_target.text}"
        raise UsageError(f"{names} have different formats; all files of a job have the same")
    return images or grid


def _check_targets(target: OutputTarget, grid_target: OutputTarget | None, fields: RequestParams) -> None:
    """Raise `UsageError` before rendering if the files cannot be saved."""
    on_stdout = [one for one in (target, grid_target) if one and one.is_stdout]
    if len(on_stdout) > 1:
        raise UsageError("-o and --grid cannot both write to stdout")
    if on_stdout and wants_json():
        raise UsageError("--json prints to stdout; save the image to a file, or omit --json")
    target.check(fields.get("n", 1))
    if grid_target:
        grid_target.check(1)
        is_same = not grid_target.is_device and Path(grid_target.text) == Path(target.text)
        if is_same and not target.is_folder and fields.get("n", 1) == 1:
            raise UsageError(f"-o and --grid both name {target.text}")


def _wait(handle: JobHandle, timeout: float | None, *, hidden: bool) -> None:
    """Wait for the job. Ctrl-C cancels it."""
    try:
        with progress_bars(sys.stderr, hidden=hidden) as bars:
            handle.wait(timeout, bars and bars.update)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_cancel(handle)) from None


def _cancel(handle: JobHandle) -> str:
    """Cancel the job and describe the result. A second Ctrl-C gives up."""
    try:
        job = handle.cancel()
    except RenderqError as error:
        return f"{handle.id} could not be canceled: {format_error(error)}"
    except KeyboardInterrupt:
        return f"interrupted; {handle.id} may continue, see `renderq status`"
    return f"{job.id} is {job.status}"


def _save(handle: JobHandle, target: OutputTarget, grid_target: OutputTarget | None) -> list[str]:
    files = [target.save(handle.job, image.output, image.bytes()) for image in handle.images]
    if grid_target and handle.grid:
        files.append(grid_target.save(handle.job, handle.grid.output, handle.grid.bytes()))
    return [file for file in files if file]


def _report(job: Job, files: Sequence[str], recipe: "EmbeddedRecipe | None", *, quiet: bool) -> None:
    if wants_json():
        print(as_json({"job": job, "files": files}))
    elif not quiet:
        for file in files:
            print(file)
        for warning in job.warnings:
            print_warning(warning.message)
    if recipe and recipe.model_revision and job.model_revision not in (None, recipe.model_revision):
        print_warning(f"it was rendered by revision {recipe.model_revision}; this one may look different")
