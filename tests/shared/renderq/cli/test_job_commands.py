"""What `status`, `jobs`, `deliveries` and `replay` show; prompts from files; messages while waiting."""

import json
import logging
import time
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from renderq.cli import main
from renderq.cli.formatting import local_time
from renderq.cli.parameter_types import TIME
from renderq.contract import JobList, Metrics
from renderq.testing import FakeResponse, FakeService
from tests.shared.renderq.factories import NOW, job

DELIVERY: dict[str, Any] = {
    "id": "dlv_1",
    "job_id": "job_1",
    "type": "job.succeeded",
    "url": "https://x.example/hooks",
    "status": "pending",
    "created_at": "2026-01-31T12:00:00.000Z",
    "next_attempt_at": "2026-01-31T12:05:00.000Z",
    "attempts": [
        {"at": "2026-01-31T12:00:00.000Z", "status": 500, "duration_ms": 12, "error": "\x1b[2J HTTP 500"},
    ],
}


@pytest.fixture(autouse=True)
def _url(server: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)


def test_status_shows_how_a_job_was_rendered(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"prompt": "a circle", "negative_prompt": "blurry", "steps": 25, "guidance_scale": 7.5}
    request |= {"scheduler": "ddim", "schedule": "trailing", "width": 512, "height": 768, "seed": 42, "n": 2}
    metrics = Metrics(queue_ms=2040, load_ms=0, inference_ms=11_900, total_ms=14_100)
    ended = job("succeeded", request=request, metrics=metrics, completed_at=NOW, worker="w1", device="cuda:0")
    marks = {"kept": True, "labels": ("favorite", "sea"), "metadata": {"order": "A-17"}}
    ended = ended.model_copy(update=marks)
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, ended))
    assert main(["status", "job_1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "job_1  succeeded",
        "prompt   a circle",
        "negative blurry",
        "model    shapes",
        "sampling 25 steps, ddim, trailing schedule, guidance 7.5",
        "size     512×768",
        "seed     42, 2 images",
        f"created  {local_time(NOW)}",
        f"ended    {local_time(NOW)}",
        "kept     until it is deleted",
        "labels   favorite, sea",
        "metadata order=A-17",
        "took     14.1 s: 2.0 s queued, 11.9 s rendering",
        "worker   w1, cuda:0",
    ]


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (datetime(2026, 5, 14, 7, 5, tzinfo=UTC), "today 07:05"),
        (datetime(2026, 5, 14, 1, 5, tzinfo=timezone(timedelta(hours=5))), "yesterday 20:05"),
        (datetime(2026, 5, 9, 7, 5, tzinfo=UTC), "Sat 07:05"),
        (datetime(2026, 5, 7, 7, 5, tzinfo=UTC), "2026-05-07 07:05"),
        (datetime(2026, 5, 15, 7, 5, tzinfo=UTC), "2026-05-15 07:05"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59"),
    ],
)
def test_times_are_local_and_short(time: datetime, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_time(time, datetime(2026, 5, 14, 9, 0, tzinfo=UTC)).startswith(shown)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize(("name", "days"), [("today", 0), ("yesterday", 1)])
def test_a_day_begins_at_local_midnight(name: str, days: int, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        before = date.today()
        parsed = TIME.convert(name, None, None).astimezone()
        assert parsed.date() + timedelta(days=days) in {before, date.today()}
        assert (parsed.hour, parsed.minute, parsed.second) == (0, 0, 0)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_jobs_since_a_day_are_listed(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "x", "--json"]) == 0
    job_id = json.loads(capsys.readouterr().out)["id"]
    assert main(["jobs", "--since", "yesterday", "--json"]) == 0
    assert [job["id"] for job in json.loads(capsys.readouterr().out)] == [job_id]
    assert main(["jobs", "--since", "2200-01-01"]) == 0
    assert capsys.readouterr().out == "no jobs\n"


def test_jobs_are_listed_on_all_pages(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(105):
        assert main(["submit", "x", "--seed", str(seed)]) == 0
    capsys.readouterr()
    assert main(["jobs"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["ID", "STATUS", "MODEL", "CREATED", "SEED", "KEPT", "LABELS", "PROMPT"]
    assert [row.split()[5] for row in rows] == [str(seed) for seed in range(104, 84, -1)]
    assert main(["jobs", "--all", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 105
    assert main(["jobs", "--all", "--limit", "3"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_kept_and_labels_of_jobs_are_listed(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    marked = job("succeeded", kept=True, labels=["favorite", "sea"])
    server.on("GET", "/v1/jobs?limit=20", FakeResponse(200, JobList(data=(marked, job("queued")), next_cursor=None)))
    assert main(["jobs"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    column = header.index("KEPT")
    assert [row[column:].split()[:3] for row in rows] == [["yes", "favorite,", "sea"], ["-", "-", "a"]]


def test_usage_of_small_images_is_not_zero(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    day = {"day": "2026-01-31", "tenant": "ada", "jobs": 1, "images": 1, "pixels": 4096, "steps": 9}
    server.on("GET", "/v1/usage", FakeResponse(200, {"data": [day | {"device_seconds": 0.5, "bytes": 1234}]}))
    assert main(["usage"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[4:] == ["0.004", "9", "0.5", "s", "0.001", "MB"]


def test_deliveries_and_replay(server: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", "/v1/jobs/job_1/deliveries", FakeResponse(200, {"data": [DELIVERY]}))
    server.on("POST", "/v1/deliveries/dlv_1/replay", FakeResponse(200, DELIVERY))
    assert main(["deliveries", "job_1"]) == 0
    row = " ".join(capsys.readouterr().out.splitlines()[1].split())
    due = local_time(datetime(2026, 1, 31, 12, 5, tzinfo=UTC))
    assert row == f"dlv_1 job.succeeded pending 1 \\x1b[2J HTTP 500 {due} https://x.example/hooks"
    assert main(["deliveries", "job_1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [DELIVERY]
    assert main(["replay", "dlv_1"]) == 0
    assert capsys.readouterr().out == "dlv_1  pending\n"
    assert main(["submit", "x", "--webhook-event", "job.failed"]) == 2
    assert "--webhook-event needs --webhook" in capsys.readouterr().err


def test_a_prompt_comes_from_a_file(server: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prompt").write_bytes("\ufeffa ☃\nat night\r\n".encode())
    assert main(["submit", f"@{tmp_path / 'prompt'}"]) == 0
    assert main(["submit", "@@home"]) == 0
    assert [one.json["prompt"] for one in server.requests("POST", "/v1/jobs")] == ["a ☃\nat night", "@home"]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for argument in (f"@{tmp_path}/none", f"@{tmp_path}", "@/dev/zero", f"@{tmp_path}/binary", "@"):
        assert main(["submit", argument]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_messages_of_the_client_are_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"]) == 0
    logging.getLogger("renderq").warning("waiting %s s: quota", 10)
    assert capsys.readouterr().err == "renderq: waiting 10 s: quota\n"
