"""`renderq link`: print links to images, which need no key."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import ID, LINK_SECONDS
from renderq.images import Image
from renderq.job_handle import JobHandle


@define_command(CLIENT_COMMANDS["link"].summary)
@click.argument("job_id", metavar="ID", type=ID, help="Job id, job_…")
@click.option("--index", type=click.IntRange(min=0), metavar="N", help="Only image N; the first is 0.")
@click.option("--grid", is_flag=True, help="The grid instead of the images.")
@click.option("--seconds", type=LINK_SECONDS, metavar="N", help="Lifetime, at most a week (default: the service's).")
@click.option("--download", is_flag=True, help="A browser saves the file instead of showing it.")
@json_option("Print a JSON array.")
@connection.options
def command(job_id: str, index: int | None, grid: bool, seconds: int | None, download: bool) -> int:
    if grid and index is not None:
        raise UsageError("--grid and --index exclude each other")
    with connection.connect() as client:
        images = _images(client.job(job_id), index, grid=grid)
        links = [image.link(seconds=seconds, download=download) for image in images]
    if wants_json():
        print(as_json(links))
    else:
        for link in links:
            print(link.url)
    return ExitCode.OK


def _images(handle: JobHandle, index: int | None, *, grid: bool) -> list[Image]:
    """Return the images to link. Raises `UsageError` if there are none."""
    if grid:
        images = [handle.grid] if handle.grid else []
    else:
        images = [image for number, image in enumerate(handle.images) if index in (None, number)]
    if not images:
        raise UsageError(f"{handle.id} has no such image; it is {handle.job.status}")
    return images
