"""Types of command-line parameters. Each parses one argument, or refuses it with a message."""

import math
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

MAX_SECONDS = 1e9
"""Longest timeout, about 30 years: more than the clocks of the operating system take."""

MAX_COUNT = 10**9


class ParsedType(click.ParamType):
    """A type made of a function that raises `ValueError` with the message."""

    def __init__(self, name: str, parse: Callable[[str], Any], completion: str | None = None) -> None:
        self.name = name
        self._parse = parse
        self._completion = completion

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type=self._completion)] if self._completion else []

    def __repr__(self) -> str:
        return self.name.upper()


def restrict_to_text(parameters: Iterable[click.Parameter]) -> None:
    """Refuse arguments that are no text in all parameters of Click's own string type."""
    for parameter in parameters:
        if parameter.type is click.STRING:
            parameter.type = TEXT


def check_text(text: str) -> str:
    """Return the text. Raises `ValueError` for bytes that no encoding turns into text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!a} is not text: it holds bytes that are not UTF-8") from None
    return text


def check_word(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return check_text(text)


def _secret(text: str) -> str:
    """Return the text without spaces at its ends; unlike others, its errors do not quote it."""
    secret = text.strip()
    if not secret:
        raise ValueError("must not be empty")
    if not secret.isprintable():
        raise ValueError("contains a character that no key has, such as a line break; copy the key again")
    return secret


def _id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", text):
        raise ValueError(f"{text!a} is not an id, such as job_…; `renderq jobs` lists them")
    return text


def _path(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _path_to(text: str) -> Path:
    return Path(_path(text))


_DAYS_AGO = {"today": 0, "yesterday": 1}


def _time(text: str) -> datetime:
    """Parse a time, or the name of a day, which is its first moment. Without a zone it is local."""
    if text in _DAYS_AGO:
        day = datetime.now().astimezone().date() - timedelta(days=_DAYS_AGO[text])
        return datetime.combine(day, time.min).astimezone(UTC)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!a} is not a time, such as 2026-01-31T12:00:00Z or yesterday") from None
    try:
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text} is before the year 1 or after the year 9999 in UTC") from None


def _utc_day(text: str) -> date:
    """Parse a date, or the name of a day, in UTC."""
    if text in _DAYS_AGO:
        return datetime.now(UTC).date() - timedelta(days=_DAYS_AGO[text])
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!a} is not a day, such as 2026-01-31, today or yesterday") from None


def _count(text: str, maximum: int = MAX_COUNT) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or not 1 <= int(text) <= maximum:
        raise ValueError(f"{text!a} is not a whole number from 1 to {maximum:,}")
    return int(text)


def _link_seconds(text: str) -> int:
    from renderq.contract.limits import LIMITS

    return _count(text, LIMITS.link_seconds)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!a} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!a} is not a finite number")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"{text!a} is not a number of seconds from 0 to {MAX_SECONDS:,.0f}")
    return value


def _key_value(text: str) -> tuple[str, str]:
    key, separator, value = check_text(text).partition("=")
    if not separator:
        raise ValueError(f"{text!a} is not KEY=VALUE")
    return key, value


def _prompt(text: str) -> str:
    """Return the prompt: the argument, or the content of `@FILE`, or of stdin for `-`."""
    if text.startswith("@@"):
        return check_text(text[1:])
    if text != "-" and not text.startswith("@"):
        return check_text(text)
    from renderq.contract.limits import LIMITS

    hint = "" if text == "-" else "; write @@ for a prompt that starts with @"
    content = _read(text.removeprefix("@"), LIMITS.prompt_characters, hint)
    return content.removesuffix("\n").removesuffix("\r")


def _prompts(text: str) -> tuple[str, ...]:
    """Return the lines of a file, or of stdin for `-`, that are not empty."""
    from renderq.contract.limits import LIMITS

    lines = _read(text, LIMITS.batch_bytes // 4).splitlines()
    prompts = tuple(stripped for line in lines if (stripped := line.strip()))
    if not prompts:
        raise ValueError(f"{text!a} has no prompts; write one per line")
    return prompts


def _read(name: str, characters: int, hint: str = "") -> str:
    """Return the text of a file, or of stdin for `-`, of at most about that many characters."""
    limit = 4 * characters  # bytes: a character of UTF-8 has at most four
    shown = "standard input" if name == "-" else name
    try:
        if name == "-":
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(limit + 1)
    except OSError as error:
        raise ValueError(f"{shown!a} cannot be read: {error.strerror}{hint}") from None
    if len(content) > limit:
        raise ValueError(f"{shown!a} is longer than {characters:,} characters")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{shown!a} is not text in UTF-8") from None


TEXT = ParsedType("text", check_text)
WORD = ParsedType("text", check_word)
"""Text that is not empty."""
SECRET = ParsedType("text", _secret)
ID = ParsedType("id", _id)
PATH = ParsedType("path", _path, completion="file")
"""A path, which need not be text."""
FOLDER = ParsedType("dir", _path_to, completion="dir")
FILE = ParsedType("file", _path_to, completion="file")
TIME = ParsedType("time", _time)
UTC_DAY = ParsedType("day", _utc_day)
COUNT = ParsedType("integer", _count)
"""A whole number from 1."""
LINK_SECONDS = ParsedType("seconds", _link_seconds)
NUMBER = ParsedType("number", _number)
"""A finite number."""
SECONDS = ParsedType("seconds", _seconds)
KEY_VALUE = ParsedType("key=value", _key_value)
PROMPT = ParsedType("text", _prompt)
PROMPTS = ParsedType("file", _prompts, completion="file")
