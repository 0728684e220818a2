"""`renderq run` with `--prompts` and `--sweep`, and `renderq batches`."""

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from renderq import Client
from renderq.cli import main
from renderq.cli.batch_run import TEXT_FIELDS
from renderq.cli.contact_sheet import SheetCell, save_contact_sheet
from renderq.contract import TASKS
from renderq.contract.jobs import JobBatch
from renderq.testing import FakeService, JobScript
from tests.shared.renderq.cli.cli_process import command, restore_sigint
from tests.shared.renderq.factories import stream


@pytest.fixture(autouse=True)
def folder(server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_sweep_saves_every_combination_and_a_sheet(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweeps = ("--sweep", "steps=5,10,20", "--sweep", "prompt:red=red,dark blue")
    out = ("-o", "{batch_index:02}-{prompt_words}.png", "--sheet", "sheet.webp")
    assert main(["run", "a red cube", "--width", "64", "--height", "64", "--seed", "7", *sweeps, *out]) == 0
    images = ["00-a-red-cube.png", "01-a-dark-blue-cube.png", "02-a-red-cube.png", "03-a-dark-blue-cube.png"]
    images += ["04-a-red-cube.png", "05-a-dark-blue-cube.png"]
    assert names(folder) == [*images, "sheet.webp"]
    assert capsys.readouterr().out.split() == [*images, "sheet.webp"]
    assert [job.request["steps"] for job in server.jobs] == [5, 5, 10, 10, 20, 20]
    assert {job.request["seed"] for job in server.jobs} == {7}
    with Image.open("sheet.webp") as sheet:
        assert (sheet.format, sheet.width) == ("WEBP", 2 * (128 + 8) + 8), "a column for each value of the last axis"
        label = sheet.convert("L").crop((8, 8 + 64, 8 + 128, 8 + 64 + 20))
    assert min(label.get_flattened_data()) < 128, "there is text below the image"


def test_a_sheet_never_takes_the_place_of_an_image(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "a cube", "--sweep", "seed=1,2"]
    assert main([*run, "-o", "sheet/", "--sheet", "sheet"]) == 2
    assert "-o and --sheet both name sheet/" in capsys.readouterr().err
    assert server.received == []
    assert main([*run, "-o", "{batch_index}.png", "--sheet", str(folder / "1.png")]) == 2
    assert "1.png is the name of two images" in capsys.readouterr().err
    assert names(folder) == ["0.png", "1.png"]


def test_a_sheet_leaves_the_place_of_a_failed_job_empty(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "a cube", "--width", "64", "--height", "64", "--sweep", "steps=5,10", "--sweep", "seed=1,2", "-q"]
    server.script(JobScript(error="nan_output"))
    assert main([*run, "-o", "images/", "--sheet", "sheet.png"]) == 1
    with Image.open("sheet.png") as sheet:
        cells = [sheet.crop((left, top, left + 64, top + 64)) for top in (8, 100) for left in (8, 144)]
    assert [cell.getextrema() == ((255, 255),) * 3 for cell in cells] == [True, False, False, False]
    server.script(*[JobScript(error="nan_output")] * 4)
    capsys.readouterr()
    assert main([*run, "--sheet", "none.png"]) == 1
    assert "4 of 4 jobs failed" in capsys.readouterr().err
    assert names(folder) == ["images", "sheet.png"]


def test_a_sheet_that_would_be_too_wide_for_its_format_is_square(server: FakeService, folder: Path) -> None:
    with Client(server.url) as client:
        batch = client.batches.create(request={"prompt": "a cube"}, axes={"prompt:cube": ["cube"], "seed": [0]})
        (job,) = client.jobs.list(batch=batch.id)
    values = [{"prompt:cube": "cube", "seed": seed} for seed in range(122)]
    jobs = [job.model_copy(update={"batch": JobBatch(id=batch.id, index=0, values=each)}) for each in values]
    save_contact_sheet("sheet.webp", [SheetCell(each, Image.new("RGB", (8, 8))) for each in jobs])
    with Image.open("sheet.webp") as sheet:
        assert sheet.size == (12 * (128 + 8) + 8, 11 * (8 + 20 + 8) + 8)


def test_a_sheet_without_pillow_is_refused_before_rendering(
    server: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["run", "a cube", "--sweep", "seed=1,2", "--sheet", "sheet.png"]) == 2
    assert "--sheet needs Pillow" in capsys.readouterr().err
    assert server.jobs == []


def test_prompts_come_from_a_file_or_from_stdin(
    server: FakeService, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prompts.txt").write_text("a red cube\n\n  a blue cube \n", encoding="utf-8")
    assert main(["run", "--prompts", "prompts.txt", "--steps", "5", "-o", "images/", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["batch"]["counts"]["succeeded"] == len(printed["files"]) == 2
    assert [job["request"]["prompt"] for job in printed["jobs"]] == ["a red cube", "a blue cube"]
    assert main(["run", "--prompts", "prompts.txt", "--sweep", "prompt=one,two"]) == 2
    assert "not both" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert main(["run", "--prompts", "-", "--sweep", "scheduler=euler,ddim", "-q"]) == 0
    assert [(job.request["prompt"], job.request["scheduler"]) for job in server.jobs[2:]] == [
        ("one", "euler"),
        ("one", "ddim"),
        ("two", "euler"),
        ("two", "ddim"),
    ]


def test_what_fails_is_told_and_retried(server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.script(JobScript(error="nan_output"), JobScript(), JobScript(error="nan_output"))
    assert main(["run", "a cube", "--sweep", "seed=1,2,3", "-q"]) == 1
    assert "2 of 3 jobs failed with nan_output: scripted by a test" in capsys.readouterr().err
    assert len(names(folder)) == 1
    assert main(["batches", "--json"]) == 0
    (batch,) = json.loads(capsys.readouterr().out)
    assert main(["batches", "retry", batch["id"]]) == 0
    retried = capsys.readouterr().out.strip()
    assert main(["batches"]) == main(["batches", "show", retried]) == 0
    out = capsys.readouterr().out
    assert out.index(retried) < out.index(batch["id"])
    assert "1 succeeded, 2 failed" in out
    assert main(["jobs", "--batch", retried, "--json"]) == 0
    assert [job["batch"]["values"] for job in json.loads(capsys.readouterr().out)] == [{"seed": 1}, {"seed": 3}]
    assert main(["batches", "retry", retried]) == main(["batches", "show", "batch_x"]) == 2


def text_fields() -> set[str]:
    """Return the fields of all tasks that take any text, nested ones with a dot."""

    def fields(schema: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> Iterator[str]:
        for name, field in schema.get("properties", {}).items():
            for kind in field.get("anyOf", [field]):
                if kind.get("type") == "string" and "enum" not in kind and "const" not in kind:
                    yield f"{prefix}{name}"
                if "$ref" in kind:
                    yield from fields(definitions[kind["$ref"].rpartition("/")[2]], definitions, f"{prefix}{name}.")

    schemas = [request.model_json_schema() for request in TASKS.values()]
    return {name for schema in schemas for name in fields(schema, schema["$defs"])}


def test_values_of_text_fields_are_text(server: FakeService, folder: Path) -> None:
    assert text_fields() == TEXT_FIELDS
    sweeps = ("--sweep", "negative_prompt=1.5", "--sweep", "metadata.order=7", "--sweep", "seed=1,2")
    assert main(["run", "a cube", *sweeps, "-q"]) == 0
    fields = [(job.request["negative_prompt"], job.request["metadata"], job.request["seed"]) for job in server.jobs]
    assert fields == [("1.5", {"order": "7"}, 1), ("1.5", {"order": "7"}, 2)]
    assert main(["run", "a cube", "--sweep", "model=1.5"]) == 2
    assert server.requests("POST", "/v1/batches")[-1].json["axes"] == [{"field": "model", "values": ["1.5"]}]


@pytest.mark.parametrize(
    ("held", "hint"),
    [
        ("/v1/batches", "interrupted while submitting; `renderq batches` shows whether there is a batch"),
        ("/v1/batches/batch_1/cancel", "interrupted; jobs may continue, see `renderq batches show batch_1`"),
    ],
)
def test_ctrl_c_that_interrupts_a_request_says_how_to_find_the_batch(
    server: FakeService, folder: Path, held: str, hint: str
) -> None:
    over = threading.Event()
    server.script(*[JobScript(seconds=60)] * 2)
    server.on("POST", held, stream(until=over))
    process = subprocess.Popen(
        command("run", "a cube", "--sweep", "seed=1,2"), stderr=subprocess.PIPE, text=True, preexec_fn=restore_sigint
    )
    if held.endswith("cancel"):
        server.wait_for("GET", "/v1/batches/batch_1")
        process.send_signal(signal.SIGINT)
    server.wait_for("POST", held)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    over.set()
    assert (process.returncode, printed) == (130, f"renderq: {hint}\n")


def test_a_batch_is_canceled(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.script(JobScript(seconds=60))
    assert main(["run", "a cube", "--sweep", "seed=1,2", "--timeout", "0", "-q"]) == 4
    assert main(["batches", "--json"]) == 0
    out = capsys.readouterr().out
    assert main(["batches", "cancel", json.loads(out[out.index("[") :])[0]["id"]]) == 0
    assert "1 cancel" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a cube", "--sheet", "sheet.png"], "--sheet goes with"),
        (["a cube", "--sweep", "seed=1,2", "--sheet", "sheet.gif"], "unsupported suffix"),
        (["a cube", "--sweep", "seed=1,2", "--sheet", "-"], "not the name of a file"),
        (["a cube", "--prompts", "missing.txt"], "cannot be read"),
        (["a cube", "--sweep", "seed=1,2", "--grid", "grid.png"], "--grid is of one job"),
        (["a cube", "--sweep", "seed=1,2", "-o", "one.png"], "several jobs cannot all be saved as one.png"),
        (["a cube", "--sweep", "seed=1,2", "-o", "{seed}.png"], "add {batch_index} to the name"),
        (["a cube", "--sweep", "seed=1", "--sweep", "seed=2"], "a field of its own"),
        (["a cube", "--sweep", "seed"], "is not KEY=VALUE"),
        (["a cube", "--sweep", "prompt:ball=cube"], "/axes/0/field"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    server: FakeService, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert server.jobs == []
