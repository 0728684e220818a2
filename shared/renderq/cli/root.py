"""Root command: global options and the groups of subcommands in its help."""

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.lazy_group import HELP_CONFIGURATION, LazyGroup
from renderq.version import version

PROGRAM = "renderq"

EPILOG = """\
examples:
  renderq up                                            start the whole service on this machine
  renderq run "a red circle on a blue background" -o out.png
  renderq run "a lighthouse" -n 4 --seed 42 -o out.webp   save out-0.webp … out-3.webp
  renderq run "a lighthouse" --json | jq .job.metrics
  renderq watch $(renderq submit "a lighthouse")        submit, then follow
  renderq completion bash                               how to complete commands with TAB

environment:
  RENDERQ_URL       URL of the service (default: http://127.0.0.1:8400)
  RENDERQ_API_KEY   API key
  NO_COLOR          no colors

exit codes:
  0 success   1 job failed   2 invalid command line or request   3 service unavailable
  4 job canceled, expired or timed out   130 interrupted
"""


def _print_version(context: click.Context, _option: click.Parameter, is_given: bool) -> None:
    if is_given:
        click.echo(f"{PROGRAM} {version()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    help="A self-hosted, asynchronous rendering service for diffusion models.",
    epilog=EPILOG,
    entries=CLIENT_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "rich_help_config": HELP_CONFIGURATION},
)
@connection.options
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def root() -> None:
    """Run a subcommand."""
