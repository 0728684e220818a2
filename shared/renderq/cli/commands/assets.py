"""`renderq assets`: upload input images and show them."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, local_time
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import ID, PATH
from renderq.contract import Asset

EPILOG = """\
examples:
  renderq assets upload photo.jpg mask.png      print one id per file
  renderq assets show asset_…
"""


@click.group(cls=LazyGroup, help=CLIENT_COMMANDS["assets"].summary, epilog=EPILOG)
def command() -> None:
    pass


@command.command(help="upload images and print their ids, in order")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH, help="PNG, JPEG or WebP files.")
@json_option("Print a JSON array of the assets.")
@connection.options
def upload(files: tuple[str, ...]) -> int:
    assets: list[Asset] = []
    with connection.connect() as client:
        for file in files:
            try:
                assets.append(client.assets.upload(file))
            except OSError as error:
                raise UsageError(f"{file} cannot be read: {error.strerror}") from error
            if not wants_json():
                print(assets[-1].id)
    if wants_json():
        print(as_json(assets))
    return ExitCode.OK


@command.command(help="show an asset")
@click.argument("asset_id", metavar="ID", type=ID, help="Asset id, asset_…")
@json_option("Print the asset as JSON.")
@connection.options
def show(asset_id: str) -> int:
    with connection.connect() as client:
        asset = client.assets.get(asset_id)
    if wants_json():
        print(as_json(asset))
    else:
        size = f"{asset.width}×{asset.height}, {asset.size_bytes:,} bytes"
        kept = f"until {local_time(asset.expires_at)}" if asset.expires_at else "forever"
        print(f"{asset.id}: {asset.content_type}, {size}, kept {kept}")
    return ExitCode.OK
