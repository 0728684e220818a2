"""From the command line to an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from renderq.cli import plugins
from renderq.cli.command import Command
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, exit_code, format_error
from renderq.errors import RenderqError
from renderq.version import version

EPILOG = """\
examples:
  renderq up                                            start everything on this machine
  renderq run "a red circle on a blue background" -o out.png
  renderq run "a lighthouse" -n 4 --seed 42 -o out.webp   writes out-0.webp … out-3.webp
  renderq run "a lighthouse" --json | jq .job.metrics
  renderq watch $(renderq submit "a lighthouse")        hand in now, look on

environment:
  RENDERQ_URL       address of the service (http://127.0.0.1:8400)
  RENDERQ_API_KEY   key to it

exit codes:
  0 done   1 the job failed   2 wrong command line or request   3 service not reachable
  4 canceled, expired or timed out   130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what goes wrong is one sentence on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()  # here, and not on the way out, where nobody could answer for a reader that has gone
        return code
    except RenderqError as error:
        print(f"renderq: {format_error(error)}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it flushes
        return ExitCode.BROKEN_PIPE


def _run(arguments: list[str]) -> int:
    if not arguments:
        _parser(CLIENT_COMMANDS, with_services=True).print_help(sys.stderr)
        return ExitCode.USAGE
    if (both := "-".join(arguments[:2])) in plugins.SUMMARIES:
        arguments = [both, *arguments[2:]]
    chosen = next((argument for argument in arguments if not argument.startswith("-")), "")
    if chosen in CLIENT_COMMANDS:
        args = _parser(CLIENT_COMMANDS, with_services=False).parse_args(arguments)
        return CLIENT_COMMANDS[chosen].run(args)
    entry = plugins.plugin_commands().get(chosen)
    if entry is None:
        _parser(CLIENT_COMMANDS, with_services=True).parse_args(arguments)
        return ExitCode.OK
    return _run_service(chosen, plugins.load_command(entry), arguments)


def _run_service(name: str, command: Command, arguments: list[str]) -> int:
    args = _parser({name: command}, with_services=False).parse_args(arguments)
    try:
        return command.run(args)
    except ModuleNotFoundError as error:
        raise plugins.missing_dependency(name, error) from None


def _parser(commands: dict[str, Command], *, with_services: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="renderq",
        description="A self-hosted, asynchronous rendering service for diffusion models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"renderq {version()}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in commands.items():
        formatter = argparse.RawDescriptionHelpFormatter
        own = choices.add_parser(
            name,
            prog=f"renderq {plugins.command_words(name)}",
            help=command.help,
            description=command.help,
            formatter_class=formatter,
        )
        command.add_arguments(own)
    if with_services:
        for name, entry in plugins.plugin_commands().items():
            choices.add_parser(plugins.command_words(name), help=plugins.summary(entry))
    return parser
