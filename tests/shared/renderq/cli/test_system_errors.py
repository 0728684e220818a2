"""Errors of the operating system, odd streams and encodings: one line on stderr, and never a traceback."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from renderq.cli import main
from renderq.testing import FakeService
from tests.shared.renderq.cli.cli_process import command, redirected, run


@pytest.fixture(autouse=True)
def _url(server: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)


def is_one_line(text: str) -> bool:
    return text.startswith("renderq") and text.count("\n") == 1 and text.endswith("\n")


@pytest.mark.parametrize(
    ("redirection", "reason"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
@pytest.mark.parametrize(
    "arguments", [("run", "x", "-o", "a.png"), ("jobs", "--help"), ("--version",), ("jobs", "--json")]
)
def test_output_that_cannot_be_written_is_2(
    redirection: str, reason: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = redirected(redirection, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"renderq: standard output cannot be written: {reason}\n")
    assert [path.name for path in tmp_path.iterdir()] == (["a.png"] if arguments[0] == "run" else [])


@pytest.mark.parametrize("redirection", [">/dev/full 2>/dev/full", ">&- 2>&- <&-"])
def test_an_error_that_cannot_be_printed_is_still_2(redirection: str, tmp_path: Path) -> None:
    assert redirected(redirection, "run", "x", "-o", "a.png", cwd=tmp_path).returncode == 2
    assert (tmp_path / "a.png").is_file()


def test_a_closed_stdout_is_no_error_for_who_prints_nothing(tmp_path: Path) -> None:
    done = redirected(">&-", "run", "x", "-o", "a.png", "-q", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_early_is_no_traceback(server: FakeService) -> None:
    for _ in range(15):  # more than a pipe holds
        assert main(["submit", "x" * 7000]) == 0
    done = subprocess.Popen(command("jobs", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.stdout
    assert done.stdout.readline() == "[\n"
    done.stdout.close()
    assert done.stderr
    assert done.stderr.read() == ""
    done.stderr.close()
    assert done.wait(timeout=60) == 141


@pytest.mark.parametrize(
    "arguments", [("submit", "a red \udcff circle"), ("status", "job_\udcff"), ("run", "-o", "a.png", "\udcff")]
)
def test_an_argument_that_is_no_text_is_2(
    arguments: tuple[str, ...], server: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert is_one_line(capsys.readouterr().err)
    assert server.jobs == []


@pytest.mark.parametrize("key", ["rq_s3cret\udcff", "rq_s3\ncret", "rq_s3cret\u202e", "rq_s3cretü"])
def test_an_error_never_shows_a_key(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--api-key", key]) == 2
    error = capsys.readouterr().err
    assert is_one_line(error)
    assert "s3" not in error
    assert "cret" not in error


def test_a_file_name_need_not_be_text(tmp_path: Path) -> None:
    done = run("run", "x", "-o", "f\udcff.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "f\\udcff.png\n", "")
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [b"f\xff.png"]


def test_characters_that_stdout_cannot_show_are_escaped(tmp_path: Path) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    saved = run("run", "a ☃", "-o", "s☃.png", cwd=tmp_path, env=ascii_only)
    assert (saved.returncode, saved.stdout, saved.stderr) == (0, "s\\u2603.png\n", "")
    assert (tmp_path / "s☃.png").is_file()
    assert run("jobs", env=ascii_only).stdout.splitlines()[1].endswith("a \\u2603")
    submitted = run("submit", "a ☃ 😀 é", "--json", env=ascii_only)
    assert submitted.stdout.isascii()
    assert json.loads(submitted.stdout)["request"]["prompt"] == "a ☃ 😀 é"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "option", ["--created-after=0001-01-01", "--created-before=9999-12-31T23:59", "--created-after=x"]
)
def test_absurd_times_are_2_in_every_zone(zone: str, option: str, server: FakeService) -> None:
    done = run("jobs", option, env={"TZ": zone})
    if done.returncode:  # in some zones the time exists
        assert (done.returncode, done.stdout) == (2, "")
        assert is_one_line(done.stderr)
    else:
        assert done.stdout == "no jobs\n"
        assert done.stderr == ""


def test_what_cannot_be_saved_is_2_before_anything_is_rendered(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for name in ("x" * 300 + ".png", "file/a.png", "x" * 300 + "/a.png", ""):
        assert main(["run", "x", "-o", name]) == 2, name
        assert is_one_line(capsys.readouterr().err)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["run", "x", "-o", "a.png"]) == 2
    assert "the current folder has been deleted" in capsys.readouterr().err
    assert server.jobs == []
    assert main(["jobs"]) == 0


def test_the_longest_name_of_the_file_system_can_be_saved(tmp_path: Path) -> None:
    name = "x" * 251 + ".png"
    assert main(["run", "x", "-q", "-o", str(tmp_path / name)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_without_a_home_and_in_the_c_locale_commands_run() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"HOME", "LANG"}}
    done = subprocess.run(
        command("jobs"), env={**environment, "LC_ALL": "C", "TERM": "dumb"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no jobs\n", "")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e300", "soon"])
def test_a_timeout_is_a_number_of_seconds(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "x", "--timeout", seconds]) == 2
    assert is_one_line(capsys.readouterr().err)


def test_a_fault_of_ours_is_one_line_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("renderq.client.Client.__init__", lambda *_: {}["fault"])
    assert main(["jobs"]) == 3
    assert is_one_line(capsys.readouterr().err)
