"""`renderq completion`: completion scripts for shells."""

import rich_click as click
from click.shell_completion import get_completion_class

from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.lazy_group import command as define_command

EPILOG = """\
install:
  bash   renderq completion bash > ~/.local/share/bash-completion/completions/renderq
  zsh    renderq completion zsh > ~/.zfunc/_renderq     with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  fish   renderq completion fish > ~/.config/fish/completions/renderq.fish
"""


@define_command(CLIENT_COMMANDS["completion"].summary, EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 — the choices are Click's own shells
    program = context.find_root()
    name = program.info_name or "renderq"
    variables = completion(program.command, {}, name, "_RENDERQ_COMPLETE").source_vars()
    print(completion.source_template % variables)
    return ExitCode.OK
