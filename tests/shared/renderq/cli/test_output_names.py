"""What `-o` names: files, folders, fields in braces, stdout, devices, pipes."""

import json
import os
import threading
from pathlib import Path

import pytest

from renderq.cli import main
from renderq.testing import FakeService
from tests.shared.renderq.cli.cli_process import redirected, run

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def folder(server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("{prompt_words}-{seed}-{index:02}.png", ["a-red-circle-7-00.png", "a-red-circle-8-01.png"]),
        ("{id}.png", ["job_1-0.png", "job_1-1.png"]),
        ("{model}/{task}/{width}x{height}", ["fake/txt2img/64x64-0.png", "fake/txt2img/64x64-1.png"]),
        ("{{x}}.png", ["{x}-0.png", "{x}-1.png"]),
        ("{index:03}/", ["000/job_1-0.png", "001/job_1-1.png"]),
    ],
)
def test_a_name_has_fields(name: str, saved: list[str], folder: Path) -> None:
    size = ("--width", "64", "--height", "64")
    assert main(["run", "a red: (circle)!", "-n", "2", "--seed", "7", "-q", *size, "-o", name]) == 0
    assert names(folder) == saved


def test_a_grid_never_replaces_an_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ("--width", "64", "--height", "64")
    assert main(["run", "a cat", "-n", "2", "-q", *size, "-o", "cat.png", "--grid", str(folder / "cat-1.png")]) == 2
    assert "cat-1.png is the name of two images" in capsys.readouterr().err
    assert names(folder) == ["cat-0.png", "cat-1.png"]
    assert main(["run", "a cat", "-n", "2", "-q", *size, "-o", "cat.png", "--grid", "cat.png"]) == 0
    assert names(folder) == ["cat-0.png", "cat-1.png", "cat.png"]


def test_a_prompt_cannot_leave_the_folder(folder: Path) -> None:
    assert main(["run", "../../../evil /abs \x1b[2J " + "é" * 200, "-q", "-o", "{prompt_words}.png"]) == 0
    [name] = names(folder)
    assert name.startswith("evil-abs-2J-é")
    assert len(name.encode()) <= 90
    assert main(["run", "", "-q", "-o", "{prompt_words}.png"]) == 0
    assert "txt2img.png" in names(folder)


@pytest.mark.parametrize(
    "name",
    [
        "{foo}.png",
        "{}.png",
        "{0}.png",
        "{id.real}.png",
        "{id[0]}.png",
        "{seed",
        "}",
        "{index:999999999}.png",
        "{id:5}.png",
    ],
)
def test_a_name_with_wrong_fields_is_2_before_anything_is_rendered(
    name: str, server: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "x", "-o", name]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 300
    assert server.jobs == []


def test_more_than_ten_images_are_numbered_with_leading_zeros(folder: Path) -> None:
    assert main(["run", "x", "-n", "11", "-q", "-o", "x.png"]) == 0
    assert names(folder) == [f"x-{index:02}.png" for index in range(11)]


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_stdout_gets_the_bytes_alone(name: str, folder: Path) -> None:
    done = redirected("> file", "run", "x", "-o", name, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(folder) == ["file"]
    assert (folder / "file").read_bytes().startswith(PNG)
    assert Path("/dev/stdout").is_symlink()


def test_what_stdout_cannot_take_is_2(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["-n", "2"], ["--json"], ["--grid", "-"]):
        assert main(["run", "x", "-o", "-", *options]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert server.jobs == []


def test_devices_and_pipes_are_written_to_as_they_are(folder: Path) -> None:
    assert main(["run", "x", "-n", "2", "-q", "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()
    assert not Path("/dev/null.png").exists()
    os.mkfifo("pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()
    assert main(["run", "x", "-q", "-o", "pipe"]) == 0
    reader.join(timeout=60)
    assert read[0].startswith(PNG)
    assert Path("pipe").is_fifo()


def test_save_fetches_the_images_of_earlier_jobs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("1", "5"):
        assert main(["submit", "x", "-n", "2", "--seed", seed]) == 0
    capsys.readouterr()
    assert main(["save", "job_1", "job_2", "-o", "{seed}.png"]) == 0
    assert capsys.readouterr().out.split() == ["1.png", "2.png", "5.png", "6.png"] == names(folder)
    assert main(["save", "job_1", "-o", "all/", "--json"]) == 0
    [saved] = json.loads(capsys.readouterr().out)
    assert (saved["job"]["id"], saved["files"]) == ("job_1", ["all/job_1-0.png", "all/job_1-1.png"])
    one = run("save", "job_2", "--index", "1", "-o", "-", text=False)
    assert one.stdout == (folder / "6.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["job_1", "job_2", "-o", "a.png"], "several jobs"),
        (["job_1", "--index", "7"], "job_1 has no image 7"),
        (["job_1", "job_2", "-o", "{seed}.png"], "is the name of two images"),
        (["job_1", "-o", "-"], "writes one image, not 2"),
        (["nope"], "there is no job nope"),
    ],
)
def test_what_cannot_be_saved_is_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["submit", "x", "-n", "2", "--seed", "1"]) == 0
    assert main(["save", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_watch_follows_several_jobs_and_saves_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("1", "2"):
        assert main(["submit", "x", "--seed", seed]) == 0
    capsys.readouterr()
    assert main(["watch", "job_1", "job_2", "-o", "{seed}.png"]) == 0
    assert capsys.readouterr().out.splitlines() == ["1.png", "job_1  succeeded", "2.png", "job_2  succeeded"]
    assert names(folder) == ["1.png", "2.png"]
    assert main(["watch", "job_1", "nope"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("job_1  succeeded\n", "renderq: there is no job nope (not_found)\n")
