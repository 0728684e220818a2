"""Commands of Click whose help is laid out by rich-click, and groups that import a subcommand only to run it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from rich_click import (
    RichCommand,
    RichCommandPanel,
    RichContext,
    RichGroup,
    RichHelpConfiguration,
    RichHelpFormatter,
    RichOptionPanel,
)

from renderq.cli import plugins
from renderq.cli.parameter_types import restrict_to_text

HELP_CONFIGURATION = RichHelpConfiguration(
    theme="default-slim",
    enable_theme_env_var=False,
    max_width=120,
    default_panels_first=True,
)

MIN_WIDTH = 60
"""Columns; a narrower terminal wraps the lines itself."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A subcommand that is not imported yet."""

    module: str
    """Defines the command as `command`."""
    summary: str
    """One line, in the imperative, for the help of the group."""
    panel: str
    """Heading above it in the help of the group."""


def _options_panel() -> RichOptionPanel:
    """Return the panel of all options without one; with `default_panels_first` rich-click may leave out its own."""
    return RichOptionPanel("Options")


class _VerbatimEpilog:
    """Prints the epilog of the help as it is written."""

    def format_epilog(self: Any, ctx: RichContext, formatter: RichHelpFormatter) -> None:
        if self.epilog:
            formatter.write(self.epilog.rstrip(), markup=False, highlight=False, soft_wrap=True)

    def get_help(self: Any, ctx: click.Context) -> str:
        formatter: Any = ctx.make_formatter()
        formatter.width = max(formatter.width, MIN_WIDTH)
        self.format_help(ctx, formatter)
        return "\n".join(line.rstrip() for line in formatter.getvalue().splitlines())


class Command(_VerbatimEpilog, RichCommand):
    """One command. Its text parameters accept only text that can be encoded."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.panels = [_options_panel(), *self.panels]
        restrict_to_text(self.params)


class LazyGroup(_VerbatimEpilog, RichGroup):
    """A group with subcommands of its own, lazy ones, and those of plugins."""

    command_class = Command

    def __init__(self, *arguments: Any, entries: Mapping[str, LazyCommand] | None = None, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        restrict_to_text(self.params)
        self._entries = entries or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._entries, *self.commands, *plugins.subcommands(self._words(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand, or a stand-in with its summary that is good enough for help and completion."""
        if command := self.commands.get(cmd_name):
            return command
        if entry := self._entries.get(cmd_name):
            return Command(cmd_name, help=entry.summary)
        if plugin := plugins.subcommands(self._words(ctx)).get(cmd_name):
            return Command(cmd_name, help=plugins.summary(plugin))
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # Click suggests only what is imported already
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None
        if name is None or name in self.commands:
            return name, command, rest
        if entry := self._entries.get(name):
            return name, self._import(entry, f"{self._words(ctx)} {name}".strip()), rest
        return name, plugins.load_command(plugins.subcommands(self._words(ctx))[name]), rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        panels: dict[str, list[str]] = {}
        for name, entry in self._entries.items():
            panels.setdefault(entry.panel, []).append(name)
        for name in plugins.subcommands(self._words(ctx)):
            panels.setdefault(plugins.PANELS.get(name, "Other commands"), []).append(name)
        commands = [RichCommandPanel(name, commands=names) for name, names in panels.items()]
        self.panels = [_options_panel(), *commands]
        super().format_options(ctx, formatter)  # pyright: ignore[reportArgumentType]

    def _import(self, entry: LazyCommand, words: str) -> click.Command:
        try:
            return import_module(entry.module).command
        except ModuleNotFoundError as error:
            raise plugins.missing_dependency(words, error) from None

    def _words(self, ctx: click.Context) -> str:
        """Return the group's name as plugins know it: `models`, or nothing for the root."""
        return (self.name or "") if ctx.parent else ""


def command(help: str, epilog: str | None = None) -> Callable[[Callable[..., int]], Command]:
    """Make a function a command. It returns the exit code."""
    return click.command(cls=Command, help=help, epilog=epilog)
