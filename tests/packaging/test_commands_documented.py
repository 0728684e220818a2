"""docs/reference/cli.md names every command and subcommand, docs/start/installation.md every extra."""

import re
import tomllib
from pathlib import Path

import click

from renderq.cli.root import root

ROOT = Path(__file__).parents[2]


def described_commands() -> dict[str, str]:
    """Return the rows of the table of commands, joined by the first word of the command."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    rows: dict[str, str] = {}
    for row in re.findall(r"^\| `renderq .*$", page, re.MULTILINE):
        for name in set(re.findall(r"`renderq (\w+)", row.split(" | ")[0])):
            rows[name] = rows.get(name, "") + row
    return rows


def test_every_command_is_described() -> None:
    assert described_commands().keys() == set(root.list_commands(click.Context(root)))


def test_every_subcommand_is_described() -> None:
    described, context = described_commands(), click.Context(root)
    for name in root.list_commands(context):
        _, command, _ = root.resolve_command(context, [name])
        if isinstance(command, click.Group):
            for subcommand in command.list_commands(click.Context(command, context)):
                assert re.search(rf"[`… ]{subcommand}[` ]", described[name]), f"renderq {name} {subcommand}"


def test_every_extra_is_described() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "start" / "installation.md").read_text(encoding="utf-8")
    named = {extra for names in re.findall(r"renderq\[([\w,]+)\]", page) for extra in names.split(",")}
    assert named == extras.keys()
