"""Formatting of tables, times, errors and JSON for a terminal."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TextIO

import click

_DAYS_NAMED = 6
"""Days back that are shown as `Mon 14:05`; older ones as dates."""


def is_terminal(stream: TextIO) -> bool:
    """Return whether a line on the stream can be overwritten."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colored(text: str, color: str, stream: TextIO) -> str:
    """Return text in a color, plain unless the stream is a terminal and `NO_COLOR` is unset."""
    return click.style(text, fg=color) if is_terminal(stream) and not os.environ.get("NO_COLOR") else text


def print_error(text: str, command: str = "renderq", color: str = "red") -> None:
    """Print one line to stderr, which may be gone."""
    with suppress(OSError, ValueError):
        print(f"{colored(f'{command}:', color, sys.stderr)} {printable(text)}", file=sys.stderr, flush=True)


def print_warning(text: str) -> None:
    """Print a warning in one line to stderr."""
    print_error(f"warning: {text}", color="yellow")


def local_time(time: datetime, now: datetime | None = None) -> str:
    """Format a time in the local zone: `today 14:05`, `yesterday 14:05`, `Mon 14:05`, `2026-01-31 14:05`."""
    try:
        local = time.astimezone()
    except (OverflowError, ValueError):  # at the ends of the calendar
        return f"{time:%Y-%m-%d %H:%M %Z}"
    today = (now or datetime.now().astimezone()).date()
    days = (today - local.date()).days
    if days in (0, 1):
        return f"{('today', 'yesterday')[days]} {local:%H:%M}"
    return f"{local:%a %H:%M}" if 0 < days <= _DAYS_NAMED else f"{local:%Y-%m-%d %H:%M}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format a table with aligned columns, two spaces apart."""
    lines = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def counted(count: int, noun: str) -> str:
    """Return `1 image`, `2 images`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def gigabytes(count: int) -> str:
    """Return a number of bytes as `1.5 GB`."""
    return f"{count / 1e9:.1f} GB"


def printable(text: str) -> str:
    """Return untrusted text on one line, with control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def as_json(value: object, indent: int | None = 2) -> str:
    """Format a value, which may contain models, as JSON. Characters that stdout cannot show are escaped."""
    from pydantic_core import to_jsonable_python

    text = json.dumps(value, default=to_jsonable_python, indent=indent, ensure_ascii=not _shows_unicode(sys.stdout))
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1] for character in text
    )


def _shows_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
