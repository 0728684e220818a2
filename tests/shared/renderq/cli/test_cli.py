"""The `renderq` command: exit codes, stdout and stderr."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest

from renderq import RequestParams
from renderq.cli import main, plugins
from renderq.cli.job_state import describe_progress
from renderq.contract import FieldError, Progress
from renderq.testing import FakeResponse, FakeService, problem
from tests.shared.renderq.cli.cli_process import command, restore_sigint
from tests.shared.renderq.factories import IMAGE_BYTES, grid, job, preview, script_finished_job, stream

JOB = "/v1/jobs/job_1"
SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _url(server: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)


def unsuccessful(server: FakeService, status: str, images: int = 1, done: int = 0) -> None:
    ended = job(status, url=server.url, images=images, done=done)
    server.on("POST", "/v1/jobs", FakeResponse(201, job(images=images)))
    server.on("GET", JOB, FakeResponse(200, ended))
    server.on("GET", f"{JOB}/images/0", FakeResponse(200, IMAGE_BYTES))


def plain(drawn: str) -> str:
    """Text without control sequences, and the tip of a bar as the rest of it."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn).replace("╺", "━").replace("╸", "━")


def test_run_saves_the_grid_beside_the_images(server: FakeService, folder: Path) -> None:
    script_finished_job(server, images=2, grid=grid(f"{server.url}/v1/jobs/job_1/images/grid"))
    server.on("GET", "/v1/jobs/job_1/images/grid", FakeResponse(200, IMAGE_BYTES))
    assert main(["run", "a circle", "-n", "2", "-q", "--grid", "all.webp"]) == 0
    assert server.requests("POST", "/v1/jobs")[0].json["output"] == {"format": "webp", "grid": True}
    assert sorted(path.name for path in folder.iterdir()) == ["all.webp", "job_1-0.png", "job_1-1.png"]


def test_run_saves_the_image_and_prints_its_path(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script_finished_job(server)
    assert main(["run", "a circle", "-o", "out.png"]) == 0
    assert (folder / "out.png").read_bytes() == IMAGE_BYTES
    assert capsys.readouterr() == ("out.png\n", "")


def test_without_a_name_the_file_has_the_jobs(server: FakeService, folder: Path) -> None:
    script_finished_job(server, images=2)
    assert main(["run", "a circle", "-n", "2"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["job_1-0.png", "job_1-1.png"]


def test_every_field_of_a_request_has_an_option(server: FakeService, folder: Path) -> None:
    script_finished_job(server)
    options = (
        "--task txt2img --model m --negative-prompt blurry --width 64 --height 72 --steps 5 --guidance-scale 2.5"
        " --scheduler ddim --schedule trailing --seed 9 -n 1 --quality 80 --no-embed-recipe --resize 2 --priority -2"
        " --deadline-seconds 60"
        " --metadata a=1 --metadata b=x=y -o out.jpg"
        " --image https://x.example/a --mask https://x.example/b --strength 0.5 --extend left=8"
        " --lora ink:0.5 --depth-map https://x.example/c --noise-level 5 --clip-skip 1 --guidance-rescale 0.5"
        " --webhook https://x.example/hooks --webhook-event job.started --webhook-event job.failed"
    )
    assert main(["run", "a circle", *options.split()]) == 0
    assert set(server.received[0].json) == {"prompt", *RequestParams.__annotations__} - {"images"}
    assert server.received[0].json["output"] == {
        "format": "jpeg",
        "quality": 80,
        "embed_recipe": False,
        "resize": 2,
    }
    assert server.received[0].json["metadata"] == {"a": "1", "b": "x=y"}
    webhook = {"url": "https://x.example/hooks", "events": ["job.started", "job.failed"]}
    assert server.received[0].json["webhook"] == webhook


@pytest.mark.parametrize(
    "options",
    ["--task edit --image job_1/0", "--image job_1/0 --image job_1/1", "--task edit --image job_1/0 --image job_1/1"],
)
def test_each_image_is_one_of_an_edit(server: FakeService, folder: Path, options: str) -> None:
    script_finished_job(server)
    assert main(["run", "a red hat", *options.split()]) == 0
    assert server.received[0].json["task"] == "edit"
    assert server.received[0].json["images"] == [f"job_1/{index}" for index in range(options.count("job_1"))]


def test_json_is_one_object_with_job_and_files(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script_finished_job(server)
    assert main(["run", "a circle", "-o", "out", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["job"]["status"], printed["files"]) == ("succeeded", ["out.png"])
    assert printed["job"]["created_at"] == "2026-01-31T12:00:00.000Z"


def test_quiet_prints_nothing(server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script_finished_job(server)
    assert main(["run", "a circle", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_failed_job_is_1_and_its_finished_images_are_saved(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unsuccessful(server, "failed", images=2, done=1)
    assert main(["run", "a circle", "-n", "2", "-o", "out.png"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "out-0.png\n"
    assert printed.err.startswith("renderq: job_1 failed with ")


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_canceled_and_expired_are_4(server: FakeService, folder: Path, status: str) -> None:
    unsuccessful(server, status)
    assert main(["run", "a circle"]) == 4


def test_not_done_in_time_is_4(server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsuccessful(server, "running")
    assert main(["run", "a circle", "--timeout", "0"]) == 4
    assert "job_1 is still running after 0 s; it continues until it is canceled" in capsys.readouterr().err


def test_the_timeout_of_run_bounds_its_submission_too(
    server: FakeService, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("renderq._core.retries.BACKOFF_MAX", 0.01)
    server.refuse("quota_exceeded", times=12)  # more than other calls repeat
    assert main(["run", "a circle", "--timeout", "60", "-q"]) == 0
    server.is_down = True
    started = len(server.received)
    assert main(["run", "a circle", "--timeout", "0.3"]) == 3
    assert len(server.received) > started + 5
    assert "no response from" in capsys.readouterr().err


def test_the_response_of_another_service_gets_a_hint(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(200, b"<html>please log in"))
    assert main(["submit", "a circle"]) == 3
    assert capsys.readouterr().err.endswith("; is this the URL of the service? Set --url or RENDERQ_URL\n")


def test_an_invalid_request_is_2_and_says_what_is_wrong(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = (FieldError(pointer="/steps", code="less_than_equal", detail="must be at most 150"),)
    server.on("POST", "/v1/jobs", problem("invalid_request", errors=wrong))
    assert main(["run", "a circle", "--steps", "900"]) == 2
    assert (
        capsys.readouterr().err == "renderq: The request is not valid: /steps: must be at most 150 (invalid_request)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "nonsense"], "'nonsense' is not an http or https URL"),
        (["--url", "http://127.0.0.1:84000"], "the port of 'http://127.0.0.1:84000' is not from 1 to 65535"),
        (["--image", "/dev/null"], "image: the file '/dev/null' is empty"),
        (
            ["--task", "img2img", "--image", "job_1/0", "--image", "job_1/1"],
            "img2img takes one --image; several go with --task edit",
        ),
        (
            ["--mask", "job_1/2", "--image", "job_1/0", "--image", "job_1/1"],
            "--mask takes one --image; several go with --task edit",
        ),
        (["-o", "out.jpg", "--format", "png"], "--format png contradicts out.jpg"),
        (["-o", "out.jpg", "--grid", "all.png"], "out.jpg and all.png have different formats"),
        (["-o", "out.gif"], "out.gif has an unsupported suffix"),
        (["-o", "out.png", "--grid", "./out.png"], "-o and --grid both name out.png"),
    ],
)
def test_a_contradictory_command_line_is_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["run", "a circle", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_link_lasts_a_week_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    for seconds in ("604801", "9" * 30, "0", "1.5"):
        assert main(["link", "job_1", "--seconds", seconds]) == 2
        assert f"'{seconds}' is not a whole number from 1 to 604,800" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["link", "job_1", "--grid", "--index", "0"], "--grid and --index exclude each other"),
        (["usage", "--csv", "--json"], "--csv and --json exclude each other"),
    ],
)
def test_of_two_options_that_exclude_each_other_none_is_dropped(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["watch"], ["nonsense"], ["run", "x", "--steps", "many"], ["run", "x", "--meta"]]
)
def test_a_command_line_that_makes_no_sense_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("renderq")
    assert printed.err.count("\n") == 1


def test_an_unreachable_service_is_3_and_gets_a_hint(folder: Path) -> None:
    done = subprocess.run(
        command("run", "a circle", "--url", "http://127.0.0.1:9"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    *waiting, error = done.stderr.splitlines()
    assert error.startswith("renderq: no response from http://127.0.0.1:9/: ")
    assert "`renderq up`" in error
    assert all("still trying" in line for line in waiting)


def test_an_image_that_cannot_be_saved_is_2(
    server: FakeService, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script_finished_job(server)
    (folder / "file").write_bytes(b"")
    assert main(["run", "a circle", "-o", "file/out.png"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_status_and_cancel(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", JOB, FakeResponse(200, job("queued", queue_position=3)))
    server.on("POST", f"{JOB}/cancel", FakeResponse(200, job("canceled")))
    assert main(["status", "job_1"]) == 0
    assert "job_1  queued: 3 ahead\nprompt   a circle\n" in capsys.readouterr().out
    assert main(["cancel", "job_1"]) == 0
    assert capsys.readouterr().out == "job_1  canceled\n"
    assert main(["status", "job_1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queue_position"] == 3


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("arguments", [("status", "job_1"), ("jobs",), ("watch", "job_1"), ("run", "x")])
def test_untrusted_text_cannot_control_the_terminal(
    server: FakeService,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    evil = "\x1b[2J \x9b2J \u202e \r\x07\x00 \U000e0001"
    error = {"code": "internal", "message": evil, "retryable": False, "details": {}}
    ended = job("failed", model=evil, request={"prompt": evil}, worker=evil, error=error, metadata={evil: evil})
    server.on("POST", "/v1/jobs", FakeResponse(201, job(model=evil)))
    server.on("GET", JOB, FakeResponse(200, ended))
    server.on(
        "GET", "/v1/jobs?limit=20", FakeResponse(200, {"data": [ended.model_dump(mode="json")], "next_cursor": None})
    )
    server.on("GET", f"{JOB}/events", stream(("status", job("running", model=evil, worker=evil)), ("done", ended)))
    main([*arguments, *options])
    printed = capsys.readouterr()
    assert "2J" in printed.out + printed.err
    assert [
        character for character in printed.out + printed.err if not character.isprintable() and character != "\n"
    ] == []


def test_json_keeps_untrusted_text_exactly(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J \x9b2J \u202e \r\x07\x00 \U000e0001 é"
    server.on("GET", JOB, FakeResponse(200, job("failed", request={"prompt": evil})))
    main(["status", "job_1", "--json"])
    assert json.loads(capsys.readouterr().out)["request"]["prompt"] == evil


def test_submit_prints_the_id_or_the_job(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    assert main(["submit", "a circle", "-n", "2", "--format", "webp", "--metadata", "a=1"]) == 0
    assert capsys.readouterr() == ("job_1\n", "")
    sent = {"prompt": "a circle", "n": 2, "output": {"format": "webp"}, "metadata": {"a": "1"}}
    assert server.received[0].json == sent
    assert main(["submit", "a circle", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "queued"


def test_watch_ends_with_the_job(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("GET", f"{JOB}/events", stream(("status", job("running")), ("done", job("succeeded", version=2))))
    assert main(["watch", "job_1"]) == 0
    assert capsys.readouterr() == ("job_1  succeeded\n", "")


def test_watch_prints_a_line_of_json_per_event(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", JOB, FakeResponse(200, job("running")))
    failed = job("failed", version=2)
    server.on("GET", f"{JOB}/events", stream(("status", job("running")), ("status", failed), ("done", failed)))
    assert main(["watch", "job_1", "--json"]) == 1
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [(line["event"], line["job"]["version"]) for line in lines] == [("status", 1), ("status", 2), ("done", 2)]
    assert printed.err.startswith("renderq: job_1 failed with ")


@pytest.mark.parametrize(("images", "names"), [(1, {"seen.jpg"}), (2, {"seen-0.jpg", "seen-1.jpg"})])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watch_keeps_the_newest_previews(
    server: FakeService, tmp_path: Path, images: int, names: set[str], options: list[str], capsys: object
) -> None:
    running, done = job("running", images=images), job("succeeded", images=images, version=2)
    shown = [preview(step, index) for step in (1, 2) for index in range(images)]
    server.on("GET", JOB, FakeResponse(200, running))
    server.on("GET", f"{JOB}/events?previews=true", stream(("status", running), *shown, ("done", done)))
    assert main(["watch", "job_1", "--previews", str(tmp_path / "seen"), *options]) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "2")


def test_previews_that_cannot_be_kept_are_2(
    server: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("GET", f"{JOB}/events?previews=true", stream(("status", job("running")), preview(1)))
    (tmp_path / "file").touch()
    assert main(["watch", "job_1", "--previews", str(tmp_path / "file" / "seen.jpg")]) == 2
    assert "seen.jpg cannot be written" in capsys.readouterr().err
    assert main(["watch", "job_1", "--previews", "seen.png"]) == 2
    assert "must end in .jpg" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [("canceled", 4), ("expired", 4), ("failed", 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watch_says_how_the_job_ended(server: FakeService, status: str, code: int, options: list[str]) -> None:
    server.on("GET", JOB, FakeResponse(200, job()))
    server.on("GET", f"{JOB}/events", stream(("done", job(status))))
    assert main(["watch", "job_1", *options]) == code


def test_ctrl_c_ends_the_watch_and_leaves_the_job_alone(server: FakeService) -> None:
    over = threading.Event()
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("GET", f"{JOB}/events", stream(("status", job("running")), until=over))
    process = subprocess.Popen(
        command("watch", "job_1", "--json"), stdout=subprocess.PIPE, text=True, preexec_fn=restore_sigint
    )
    assert process.stdout
    assert json.loads(process.stdout.readline())["event"] == "status"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    over.set()
    assert process.returncode == 130
    assert {request.method for request in server.received} == {"GET"}


def test_a_bar_follows_the_events(server: FakeService, tmp_path: Path) -> None:
    halfway = job("running", stage="denoising", progress=Progress(value=0.5, step=10, steps=20))
    server.on("GET", JOB, FakeResponse(200, job()))
    server.on("GET", f"{JOB}/events", stream(("progress", halfway), ("done", job("succeeded", version=2))))
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        command("watch", "job_1"), stderr=terminal, stdout=subprocess.PIPE, env=environment, check=True
    )
    os.close(terminal)
    drawn = os.read(controller, 10_000).decode()
    os.close(controller)
    assert done.stdout == b"job_1  succeeded\n"
    assert re.search(r"━{30} 10/20 steps +(--:-- )?denoising", plain(drawn))


def test_an_unknown_job_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "job_9"]) == 2
    assert capsys.readouterr().err == "renderq: there is no job job_9 (not_found)\n"


def test_models_and_workers_as_tables_and_as_json(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    worker = {"id": "w1", "device": "cpu", "models": ["shapes"], "resident_models": [], "jobs": 1, "draining": False}
    times = {"started_at": "2026-01-31T12:00:00Z", "seen_at": "2026-01-31T12:00:00Z"}
    memory = {"memory_bytes": 1_449_551_462, "device_memory_used_bytes": 2**33, "device_memory_total_bytes": 2**36}
    server.on("GET", "/v1/workers", FakeResponse(200, {"data": [{**worker, **times}, {**worker, **times, **memory}]}))
    server.on("GET", "/v1/models", FakeResponse(200, {"data": []}))
    assert main(["workers"]) == 0
    _, older, newer = capsys.readouterr().out.splitlines()
    assert " ".join(older.split()) == "w1 cpu 1 shapes - - - 2026-01-31 12:00 ready"
    assert " ".join(newer.split()) == "w1 cpu 1 shapes - 1.4 GB 8.6 GB of 68.7 GB 2026-01-31 12:00 ready"
    assert main(["workers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "w1"
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("MODEL ")


def test_the_load_of_the_last_day_by_hours(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    ends = ("succeeded_jobs", "failed_jobs", "canceled_jobs", "expired_jobs")
    fields = ("started_at", "queued_jobs", "running_jobs", *ends)
    minutes = [
        dict(zip(fields, (f"2026-01-31T{time}:00Z", *counts), strict=True))
        for time, *counts in (("11:59", 1, 1, 1, 0, 0, 1), ("12:00", 5, 1, 2, 1, 3, 0), ("12:30", 3, 2, 4, 0, 1, 2))
    ]
    server.on("GET", "/v1/stats/history", FakeResponse(200, {"data": minutes}))
    assert main(["load"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[-6:] for row in rows] == [["1", "1", "1", "0", "0", "1"], ["5", "2", "6", "1", "4", "2"]]
    assert main(["load", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    server.on("GET", "/v1/stats/history", FakeResponse(200, {"data": []}))
    assert main(["load"]) == 0
    assert capsys.readouterr().out == "no load\n"


def test_ctrl_c_cancels_the_job_and_is_130(server: FakeService, tmp_path: Path) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("POST", f"{JOB}/cancel", FakeResponse(200, job("canceling")))
    process = subprocess.Popen(
        command("run", "a circle"), stderr=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=restore_sigint
    )
    server.wait_for("GET", JOB)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "renderq: job_1 is canceling\n")
    assert len(server.requests("POST", f"{JOB}/cancel")) == 1


def test_a_bar_is_drawn_on_a_terminal_and_removed(server: FakeService, tmp_path: Path) -> None:
    script_finished_job(server)
    halfway = job("running", stage="denoising", progress=Progress(value=0.5, step=10, steps=20))
    server.on("GET", JOB, FakeResponse(200, halfway), FakeResponse(200, job("succeeded", url=server.url, done=1)))
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command("run", "a circle"),
        stderr=terminal,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
    )
    out, _ = process.communicate(timeout=60)
    os.close(terminal)
    drawn = os.read(controller, 10_000).decode()
    os.close(controller)
    assert (process.returncode, out) == (0, b"job_1.png\n")
    assert re.search(r"━{30} 10/20 steps +(--:-- )?denoising", plain(drawn))
    assert drawn.removesuffix(SHOW_CURSOR).endswith("\x1b[2K")  # cleared


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({"status": "queued", "queue_position": 0}, "queued"),
        ({"status": "queued", "eta_seconds": {"p50": 12.3, "p90": 20.0}}, "queued, done in about 12 s"),
        ({"status": "queued", "wait_reason": "no_worker_for_model"}, "queued: no worker serves shapes"),
        ({"status": "running", "stage": "loading_model"}, "loading the model"),
        ({"status": "canceling"}, "canceling"),
    ],
)
def test_the_progress_line_without_steps(state: dict[str, str], line: str) -> None:
    assert describe_progress(job(**state)) == line


def test_a_broken_pipe_is_no_traceback(server: FakeService) -> None:
    server.on("GET", "/v1/workers", FakeResponse(200, {"data": []}))
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command("workers"), stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=buffered
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_client_commands_import_and_search_no_service(server: FakeService) -> None:
    server.on("GET", "/v1/workers", FakeResponse(200, {"data": []}))
    script = (
        "import sys; from importlib import metadata; find = metadata.entry_points\n"
        "metadata.entry_points = lambda group, **rest: find(group=group) if group != 'renderq.commands' else 1 / 0\n"
        "from renderq.cli import main; code = main(['workers'])\n"
        "print([name for name in sys.modules if name.startswith('renderq_')], code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "no workers\n[] 0\n", done.stderr


def test_help_names_the_service_commands_without_loading_them() -> None:
    script = (
        "import sys; from renderq.cli import main; main(['--help'])\n"
        "print([name for name in sys.modules if name.startswith(('renderq_', 'httpx2', 'pydantic'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert {"run", "submit", "watch", "status", "cancel", "models", "workers", "up", "api", "worker"} <= set(
        done.stdout.split()
    )
    assert done.stdout.endswith("[]\n")


def test_a_service_command_runs_with_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "tests.shared.renderq.cli.test_cli:greet")
    assert main(["greet", "--loudness", "11"]) == 11


def test_a_service_that_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register(monkeypatch, "a_package_that_is_missing.cli:command")
    assert main(["greet"]) == 2
    assert capsys.readouterr().err == (
        "renderq: `renderq greet` needs a_package_that_is_missing, which is not installed: pip install 'renderq[all]'\n"
    )


def test_version() -> None:
    done = subprocess.run(command("--version"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "renderq")


def register(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Register an entry point `greet`."""
    entry = EntryPoint("greet", value, plugins.ENTRY_POINT_GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == plugins.ENTRY_POINT_GROUP else [])


@click.command()
@click.option("--loudness", type=int)
def greet(loudness: int) -> int:
    return loudness


@pytest.mark.parametrize("arguments", [("watch", "job_1"), ("bench", "x", "--jobs", "2"), ("run", "x")])
def test_ctrl_c_is_one_line_in_every_command(server: FakeService, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    over = threading.Event()
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("GET", f"{JOB}/events", stream(("status", job("running")), until=over))
    server.on("POST", f"{JOB}/cancel", FakeResponse(200, job("canceling")))
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=restore_sigint,
    )
    server.wait_for("GET", f"{JOB}/events")
    process.send_signal(signal.SIGINT)
    out, printed = process.communicate(timeout=60)
    over.set()
    assert (process.returncode, out) == (130, "")
    assert printed in ("renderq: interrupted\n", "renderq: job_1 is canceling\n")


def test_a_second_ctrl_c_does_not_wait_for_the_cancellation(server: FakeService, tmp_path: Path) -> None:
    over = threading.Event()
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", JOB, FakeResponse(200, job("running")))
    server.on("GET", f"{JOB}/events", stream(("status", job("running")), until=over))
    server.on("POST", f"{JOB}/cancel", stream(until=over))
    process = subprocess.Popen(
        command("run", "x"), stderr=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=restore_sigint
    )
    server.wait_for("GET", f"{JOB}/events")
    process.send_signal(signal.SIGINT)
    server.wait_for("POST", f"{JOB}/cancel")
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    over.set()
    assert process.returncode == 130
    assert printed == "renderq: interrupted; job_1 may continue, see `renderq status`\n"


def test_several_jobs_have_a_bar_each(server: FakeService) -> None:
    jobs = {name: job("running", stage="denoising", progress=Progress(value=0.5, step=10, steps=20)) for name in "ab"}
    for name, running in jobs.items():
        running = running.model_copy(update={"id": f"job_{name}"})
        done = job("succeeded", version=2).model_copy(update={"id": f"job_{name}"})
        server.on("GET", f"/v1/jobs/job_{name}", FakeResponse(200, running))
        server.on("GET", f"/v1/jobs/job_{name}/events", stream(("progress", running), ("done", done)))
    controller, terminal = pty.openpty()
    watched = subprocess.run(
        command("watch", "job_a", "job_b"),
        stderr=terminal,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
        check=True,
    )
    os.close(terminal)
    drawn = plain(os.read(controller, 50_000).decode())
    os.close(controller)
    assert watched.stdout == b"job_a  succeeded\njob_b  succeeded\n"
    assert all(re.search(rf"job_{name} +━+ 10/20 steps", drawn) for name in "ab")


def test_a_lora_has_a_name_and_weights(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "a red circle", "--lora", "ink:0.8:0"]) == 0
    body = server.requests("POST", "/v1/jobs")[0].json
    assert body["loras"] == [{"name": "ink", "weight": 0.8, "text_encoder_weight": 0.0}]
    assert main(["submit", "a red circle", "--lora", "ink:much"]) == 2
    assert "a weight is a number, such as 0.8" in capsys.readouterr().err
    assert main(["models"]) == 0
    assert re.search(r"fake \(default\).* ink$", capsys.readouterr().out, re.MULTILINE)
