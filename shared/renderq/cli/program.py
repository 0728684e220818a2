"""Program: run the command line, translate every error to one line and an exit code."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence

import click

from renderq.cli import plugins, standard_streams
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import print_error
from renderq.cli.root import PROGRAM, root

_WRITE_ERRORS = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT}

_COMPLETION_VARIABLE = "_RENDERQ_COMPLETE"


def run_process() -> int:
    """Run the command line of this process, and leave nothing for the interpreter to complain about at exit."""
    standard_streams.prepare()
    if instruction := os.environ.get(_COMPLETION_VARIABLE):
        return _translated(lambda: _complete(instruction))
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    standard_streams.close()
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    return _translated(lambda: _invoke(list(arguments)))


def _invoke(arguments: list[str]) -> int:
    try:
        with root.make_context(PROGRAM, arguments) as context:
            code = root.invoke(context)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except ModuleNotFoundError as error:
        raise plugins.missing_dependency(" ".join(arguments[:1]), error) from None
    sys.stdout.flush()  # raises here rather than at interpreter exit
    return code or ExitCode.OK


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(root, {}, PROGRAM, _COMPLETION_VARIABLE, instruction)


def _translated(action: Callable[[], int]) -> int:
    """Return the exit code of an action; report its error."""
    try:
        return action()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.message, file=sys.stderr)
        return ExitCode.USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else PROGRAM
        message = error.format_message()
        print_error(f"{message}{'' if message[-1:] in '.?)' else '.'} See `{command} --help`.", command)
        return ExitCode.USAGE
    except click.ClickException as error:
        print_error(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        print_error(str(error) or "interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        standard_streams.discard(sys.stdout)
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        standard_streams.discard(sys.stdout)
        print_error(_describe(error))
        return ExitCode.USAGE
    except Exception as error:
        return _report(error)


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename:
        return f"{os.fsdecode(error.filename)}: {reason}"
    return f"standard output cannot be written: {reason}" if error.errno in _WRITE_ERRORS else reason


def _report(error: Exception) -> int:
    from renderq.cli.errors import exit_code, format_error
    from renderq.errors import RenderqError

    if isinstance(error, RenderqError):
        print_error(format_error(error))
        return exit_code(error)
    if sys.flags.dev_mode:
        raise error
    print_error(f"unexpected {type(error).__name__}: {error}; `python -X dev -m renderq …` shows where")
    return ExitCode.UNAVAILABLE
