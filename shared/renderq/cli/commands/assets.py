"""`renderq assets`: upload input images and show them."""

import argparse

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json
from renderq.client import Client
from renderq.contract import Asset

EPILOG = """\
examples:
  renderq assets upload photo.jpg mask.png      print one id per file
  renderq assets show asset_…
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    upload = actions.add_parser("upload", help="upload images and print their ids, in order")
    upload.add_argument("files", metavar="FILE", nargs="+", help="PNG, JPEG or WebP file.")
    upload.add_argument("--json", action="store_true", help="Print a JSON array of the assets.")
    upload.set_defaults(act=_upload)
    show = actions.add_parser("show", help="show an asset")
    show.add_argument("id", metavar="ID", help="Asset id, asset_…")
    show.add_argument("--json", action="store_true", help="Print the asset as JSON.")
    show.set_defaults(act=_show)
    for action in (upload, show):
        connection.add_arguments(action)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        args.act(client, args)
    return ExitCode.OK


def _upload(client: Client, args: argparse.Namespace) -> None:
    assets: list[Asset] = []
    for file in args.files:
        try:
            assets.append(client.assets.upload(file))
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
        if not args.json:
            print(assets[-1].id)
    if args.json:
        print(as_json(assets))


def _show(client: Client, args: argparse.Namespace) -> None:
    asset = client.assets.get(args.id)
    if args.json:
        print(as_json(asset))
    else:
        kept = f"until {asset.expires_at:%Y-%m-%d %H:%M:%S %Z}" if asset.expires_at else "forever"
        print(
            f"{asset.id}: {asset.content_type}, {asset.width}×{asset.height}, {asset.size_bytes:,} bytes, kept {kept}"
        )


command = Command(
    help="upload input images, or show one",
    add_arguments=_add_arguments,
    run=_run,
)
