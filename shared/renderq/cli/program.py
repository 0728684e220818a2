"""Entry point: parse the command line, run the command, return the exit code."""

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
  renderq up                                            start the whole service on this machine
  renderq run "a red circle on a blue background" -o out.png
  renderq run "a lighthouse" -n 4 --seed 42 -o out.webp   save out-0.webp … out-3.webp
  renderq run "a lighthouse" --json | jq .job.metrics
  renderq watch $(renderq submit "a lighthouse")        submit, then follow

environment:
  RENDERQ_URL       URL of the service (default: http://127.0.0.1:8400)
  RENDERQ_API_KEY   API key

exit codes:
  0 success   1 job failed   2 invalid command line or request   3 service unavailable
  4 job canceled, expired or timed out   130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors are printed to stderr, one line each."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()  # raises BrokenPipeError here rather than at interpreter exit
        return code
    except RenderqError as error:
        print(f"renderq: {format_error(error)}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes again at exit
        return ExitCode.BROKEN_PIPE


def _run(arguments: list[str]) -> int:
    if not arguments:
        _parser(CLIENT_COMMANDS, with_services=True).print_help(sys.stderr)
        return ExitCode.USAGE
    if (two_words := "-".join(arguments[:2])) in plugins.SUMMARIES:
        arguments = [two_words, *arguments[2:]]
    name = next((argument for argument in arguments if not argument.startswith("-")), "")
    if name in CLIENT_COMMANDS:
        args = _parser(CLIENT_COMMANDS, with_services=False).parse_args(arguments)
        return CLIENT_COMMANDS[name].run(args)
    entry = plugins.plugin_commands().get(name)
    if entry is None:
        _parser(CLIENT_COMMANDS, with_services=True).parse_args(arguments)
        return ExitCode.OK
    return _run_service(name, plugins.load_command(entry), arguments)


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
        subparser = choices.add_parser(
            name,
            prog=f"renderq {plugins.command_words(name)}",
            help=command.help,
            description=command.help,
            formatter_class=formatter,
        )
        command.add_arguments(subparser)
    if with_services:
        for name, entry in plugins.plugin_commands().items():
            choices.add_parser(plugins.command_words(name), help=plugins.summary(entry))
    return parser
