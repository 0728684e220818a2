"""`renderq save`: save the images of jobs."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, print_warning
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.output_target import OutputTarget
from renderq.cli.parameter_types import ID, PATH
from renderq.images import Image
from renderq.job_handle import JobHandle

EPILOG = """\
examples:
  renderq save job_… -o out.png
  renderq save job_… --index 2 -o - > third.png
  renderq save $(renderq jobs --status succeeded --json | jq -r '.[].id') -o "{prompt_words}-{seed}.png"
"""


@define_command(CLIENT_COMMANDS["save"].summary, EPILOG)
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True, type=ID, help="Job ids, job_…")
@click.option(
    "-o",
    "--out",
    type=PATH,
    metavar="PATH",
    default=".",
    help="File, folder or `-`, as for `renderq run` (default: current folder).",
)
@click.option("--index", type=click.IntRange(min=0), metavar="N", help="Save only image N; the first is 0.")
@json_option("Print a JSON array of jobs and their file names.")
@connection.options
def command(job_ids: tuple[str, ...], out: str, index: int | None) -> int:
    target = OutputTarget.parse(out)
    if target.is_stdout and wants_json():
        raise UsageError("--json prints to stdout; save the image to a file, or omit --json")
    if len(set(job_ids)) > 1 and not target.tells_jobs_apart:
        raise UsageError(f"several jobs cannot all be saved as {out}; use a folder, or add {{id}} to the name")
    saved: list[dict[str, object]] = []
    with connection.connect() as client:
        handles = [client.job(job_id) for job_id in dict.fromkeys(job_ids)]
        images = {handle.id: _images(handle, index) for handle in handles}
        target.check(sum(map(len, images.values())))
        for handle in handles:
            files = [target.save(handle.job, image.output, image.bytes()) for image in images[handle.id]]
            saved.append({"job": handle.job, "files": [file for file in files if file]})
            if not wants_json():
                for file in filter(None, files):
                    print(file)
    if wants_json():
        print(as_json(saved))
    return ExitCode.OK


def _images(handle: JobHandle, index: int | None) -> list[Image]:
    """Return the images to save. Raises `UsageError` if there are none."""
    job, progress = handle.job, handle.job.progress
    if job.outputs_expired:
        raise UsageError(
            f"the images of {job.id} were deleted by retention; its `request` (`renderq status {job.id} --json`) "
            "with its seed renders them again"
        )
    images = [image for image in handle.images if index is None or image.output.index == index]  # pyright: ignore[reportAttributeAccessIssue]
    if not images:
        what = "no image" if index is None else f"no image {index}"
        raise UsageError(f"{job.id} has {what}; it is {job.status}, with {len(job.outputs)} of {progress.images_total}")
    if not job.status.is_terminal:
        print_warning(f"{job.id} is {job.status}: {len(job.outputs)} of {progress.images_total} images are there")
    return images
