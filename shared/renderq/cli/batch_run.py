"""`renderq run` with `--prompts` or `--sweep`: one batch, its progress, its images."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from renderq._core.input_images import local_images, with_uploaded
from renderq.cli.contact_sheet import SheetCell, save_contact_sheet
from renderq.cli.errors import format_error
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, print_error
from renderq.cli.json_option import wants_json
from renderq.cli.output_target import OutputTarget
from renderq.cli.progress import progress_bars
from renderq.client import Client
from renderq.contract import LIMITS, Batch, Job, Status
from renderq.errors import RenderqError, job_error
from renderq.request_params import RequestParams

TEXT_FIELDS = {"prompt", "negative_prompt", "model", "image", "mask", "depth_map", "output.watermark", "webhook.url"}
_TEXT_PREFIXES = ("prompt:", "metadata.")
"""Their values are text, also those that look like numbers."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """Options that make several jobs."""

    prompts: Sequence[str]
    sweeps: tuple[tuple[str, str], ...]
    """Field and comma-separated values of each axis."""
    sheet_file: str | None

    def __bool__(self) -> bool:
        return bool(self.prompts or self.sweeps)

    def check(self, target: OutputTarget, *, has_prompt: bool, has_grid: bool) -> None:
        """Raise `UsageError` before rendering if the options contradict others."""
        if self.sheet_file and not self:
            raise UsageError("--sheet goes with --prompts or --sweep; --grid puts the images of one job together")
        if not self:
            return
        if self.prompts and has_prompt:
            raise UsageError("give the prompt or --prompts FILE, not both")
        if self.prompts and any(field.partition(":")[0] == "prompt" for field, _ in self.sweeps):
            raise UsageError("give --prompts FILE or a --sweep of the prompt, not both")
        if has_grid:
            raise UsageError("--grid is of one job; use --sheet FILE")
        if not (target.is_device or target.is_folder or target.fields & {"id", "batch_index"}):
            hint = "use a folder, or add {batch_index} to the name"
            raise UsageError(f"several jobs cannot all be saved as {target.text}; {hint}")
        target.check(2)
        if self.sheet_file:
            if Path(self.sheet_file) == Path(target.text) and not target.is_device:
                raise UsageError(f"-o and --sheet both name {target.text}")
            _check_sheet(OutputTarget.parse(self.sheet_file))


def run_batch(
    client: Client,
    options: BatchOptions,
    prompt: str | None,
    fields: RequestParams,
    target: OutputTarget,
    *,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Submit the batch, wait for it, and save its images. Ctrl-C cancels it."""
    try:
        batch = _submit(client, options, prompt, fields)
    except KeyboardInterrupt:
        hint = "interrupted while submitting; `renderq batches` shows whether there is a batch"
        raise KeyboardInterrupt(hint) from None
    try:
        with progress_bars(sys.stderr, hidden=quiet) as bars:
            batch = client.batches.wait(
                batch.id, timeout, lambda each: bars.show_count(_ended(each), each.jobs) if bars else None
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_cancel(client, batch)) from None
    jobs = list(client.jobs.list(batch=batch.id, page_size=LIMITS.page_jobs))
    files, cells = _save(client, jobs, target, has_sheet=options.sheet_file is not None)
    if options.sheet_file and any(cell.image for cell in cells):
        target.check_unsaved(Path(options.sheet_file))
        save_contact_sheet(options.sheet_file, cells)
        files.append(options.sheet_file)
    if wants_json():
        print(as_json({"batch": batch, "jobs": jobs, "files": files}))
    elif not quiet:
        print(*files, sep="\n")
    return _report(batch, jobs)


def _check_sheet(sheet: OutputTarget) -> None:
    """Raise `UsageError` before rendering if the sheet cannot be saved."""
    if sheet.is_stdout or sheet.is_folder:
        raise UsageError(f"--sheet {sheet.text} is not the name of a file")
    if find_spec("PIL") is None:
        raise UsageError("--sheet needs Pillow: pip install 'renderq[inspect]'")
    sheet.image_format(None)
    sheet.check(1)


def _submit(client: Client, options: BatchOptions, prompt: str | None, fields: RequestParams) -> Batch:
    request: dict[str, Any] = with_uploaded(cast(Mapping[str, object], fields), _uploaded(client, fields))
    prompts = options.prompts
    axes: dict[str, Sequence[object]] = {name: _values(name, text) for name, text in options.sweeps}
    if len(axes) < len(options.sweeps):
        raise UsageError("each --sweep needs a field of its own")
    if prompts and not axes:
        return client.batches.create([{**request, "prompt": each} for each in prompts])
    if prompts:
        axes = {"prompt": prompts, **axes}
    elif prompt is not None:
        request["prompt"] = prompt
    return client.batches.create(request=request, axes=axes)


def _uploaded(client: Client, fields: RequestParams) -> Mapping[str, object]:
    try:
        return {name: client.assets.upload(source) for name, source in local_images(fields).items()}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _values(field: str, text: str) -> Sequence[object]:
    """Return values separated by commas: numbers, booleans and null where the field is no text."""
    parts = [part.strip() for part in text.split(",")]
    is_text = field in TEXT_FIELDS or field.startswith(_TEXT_PREFIXES)
    return parts if is_text else [_value(part) for part in parts]


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ended(batch: Batch) -> int:
    return batch.jobs - batch.counts.queued - batch.counts.running - batch.counts.canceling


def _cancel(client: Client, batch: Batch) -> str:
    """Cancel the batch and describe the result. A second Ctrl-C gives up."""
    try:
        counts = client.batches.cancel(batch.id).counts
    except RenderqError as error:
        return f"{batch.id} could not be canceled: {format_error(error)}"
    except KeyboardInterrupt:
        return f"interrupted; jobs may continue, see `renderq batches show {batch.id}`"
    return f"{batch.id}: {counts.canceled + counts.canceling} jobs are canceled, {counts.succeeded} had succeeded"


def _save(
    client: Client, jobs: Sequence[Job], target: OutputTarget, *, has_sheet: bool
) -> tuple[list[str], list[SheetCell]]:
    """Return the names of the files, and the cells of the sheet."""
    files, cells = list[str](), list[SheetCell]()
    for job in jobs:
        images = [(image.output, image.bytes()) for image in client.images(job)]
        files += filter(None, [target.save(job, output, data) for output, data in images])
        if has_sheet:
            cells.append(SheetCell.of(job, images[0][1] if images else None))
    return files, cells


def _report(batch: Batch, jobs: Sequence[Job]) -> int:
    """Print why jobs have not succeeded, and return the exit code."""
    errors = Counter(str(error).removeprefix(f"{job.id} ") for job in jobs if (error := job_error(job)))
    for reason, count in errors.most_common():
        print_error(f"{count} of {batch.jobs} jobs {reason}")
    if batch.counts.failed:
        return ExitCode.JOB_FAILED
    return ExitCode.OK if all(job.status is Status.SUCCEEDED for job in jobs) else ExitCode.NOT_DONE
