"""Help of every command, suggestions, completion, colors, and the client without the command line."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from renderq.cli import main
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.plugins import SUMMARIES, command_words
from renderq.contract import TASKS
from tests.shared.renderq.cli.cli_process import command, run

SUBCOMMANDS = [
    *("assets upload", "assets show", "models list", "models pause", "models resume", "tenants pause", "tenants purge"),
    "workers drain",
    *("history migrate", "history check", "history copy"),
    *("keys create", "keys list", "keys revoke", "keys reset"),
]
COMMANDS = [*CLIENT_COMMANDS, *map(command_words, SUMMARIES), *SUBCOMMANDS]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words.split(), "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Usage: renderq {words}")
    assert re.search(r"^Options:\n(  .*\n)*  -h  --help  ", printed.out, re.MULTILINE)
    assert "\x1b" not in printed.out
    assert printed.err == ""


def test_help_is_grouped_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    page = capsys.readouterr().out
    headings = re.findall(r"^([A-Z]\w+(?: \w+)*):$", page, re.MULTILINE)
    assert headings == ["Options", "Connection", "Render", "Webhooks", "Service", "Shell", "Operate"]
    assert set(CLIENT_COMMANDS) | {"up", "api", "worker", "keys", "history"} <= set(
        re.findall(r"^  (\S+)", page, re.MULTILINE)
    )


def test_every_field_of_every_task_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    main(["submit", "--help"])
    page = capsys.readouterr().out
    fields = {name for model in TASKS.values() for name in model.model_fields} - {"prompt", "output", "n", "images"}
    options = {name: "lora" if name == "loras" else name.replace("_", "-") for name in sorted(fields)}
    assert [name for name, option in options.items() if f"--{option} " not in page] == []


@pytest.mark.parametrize("columns", ["1", "0", "nonsense", "100000"])
def test_any_width_of_the_terminal_shows_help(columns: str) -> None:
    done = run("run", "--help", env={"COLUMNS": columns})
    assert (done.returncode, done.stderr) == (0, "")
    assert "--negative-prompt" in done.stdout
    assert "an image of" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["rum"], "'run'"),
        (["stats"], "'status'"),
        (["model"], "'models'"),
        (["models", "paus"], "'pause'"),
        (["run", "x", "--negativ-prompt", "y"], "'--negative-prompt'"),
        (["jobs", "--limt", "3"], "'--limit'"),
        (["keys", "creat"], "'create'"),
    ],
)
def test_a_misspelled_word_gets_a_suggestion(
    arguments: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "Did you mean" in error
    assert suggestion in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_back(shell: str) -> None:
    script = run("completion", shell)
    assert (script.returncode, script.stderr) == (0, "")
    assert f"_RENDERQ_COMPLETE={shell}_complete" in script.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("renderq wa", {"watch"}),
        ("renderq mod", {"models"}),
        ("renderq models p", {"pause", "pull"}),
        ("renderq run x --sch", {"--schedule", "--scheduler"}),
        ("renderq run x --scheduler eul", {"euler", "euler_a"}),
        ("renderq worker --dev", {"--device"}),
    ],
)
def test_the_shell_completes(words: str, completed: set[str]) -> None:
    environment = {"_RENDERQ_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = run(env=environment)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == completed


@pytest.mark.parametrize(
    ("environment", "has_colors"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colors_follow_the_terminal_and_the_environment(environment: dict[str, str], has_colors: bool) -> None:
    controller, terminal = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    env = {**plain, "TERM": "xterm-256color", **environment}
    subprocess.run(command("nonsense"), stdout=terminal, stderr=terminal, env=env, check=False)
    subprocess.run(command("--help"), stdout=terminal, stderr=terminal, env=env, check=True)
    os.close(terminal)
    shown = os.read(controller, 20_000).decode()
    os.close(controller)
    assert "No such command" in shown
    assert bool(re.search(r"\x1b\[[0-9;]*3\dm", shown)) is has_colors


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('click', 'rich', 'rich_click')))\n"
        "import renderq; renderq.Client; sys.argv[1:] = ['--help']\n"
        "from renderq.cli import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "renderq: the command line is not installed; pip install 'renderq[cli]' adds it\n"


def test_options_of_the_connection_may_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "nonsense", "jobs"]) == 2
    assert "'nonsense' is not an http or https URL" in capsys.readouterr().err
    assert main(["--url", "http://127.0.0.1:9", "jobs", "--url", "nonsense"]) == 2
    assert "'nonsense' is not an http or https URL" in capsys.readouterr().err
