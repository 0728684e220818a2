"""The programs in `examples/` run as they are."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from renderq import Client
from renderq.testing import WEBHOOK_SECRET, FakeService, JobScript, signed_webhook

EXAMPLES = Path(__file__).parents[3] / "examples"


def environment(service: FakeService) -> dict[str, str]:
    return {**os.environ, "RENDERQ_URL": service.url, "WEBHOOK_SECRET": WEBHOOK_SECRET}


def run(service: FakeService, folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-W", "error", str(EXAMPLES / program), *arguments]
    return subprocess.run(
        argv, cwd=folder, env=environment(service), capture_output=True, text=True, timeout=60, check=False
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_first_image(server: FakeService, tmp_path: Path) -> None:
    done = run(server, tmp_path, "first_image.py", "a lighthouse", "out.png")
    assert (done.returncode, done.stdout) == (0, "submitted job_1\nsaved out.png\n"), done.stderr
    server.script(JobScript(error="out_of_memory"))
    failed = run(server, tmp_path, "first_image.py", "a lighthouse", "out.png")
    assert failed.returncode == 1
    assert "out_of_memory" in failed.stderr


def test_edit_image(server: FakeService, client: Client, tmp_path: Path) -> None:
    client.images(client.run("a photo"))[0].save(tmp_path / "photo.png")
    done = run(server, tmp_path, "edit_image.py", "photo.png", "a watercolor", "out")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["strength-0.3.png", "strength-0.5.png", "strength-0.8.png"]
    assert len(server.requests("POST", "/v1/assets")) == 1


def test_async_batch(server: FakeService, tmp_path: Path) -> None:
    server.script(JobScript(seconds=0.2))
    done = run(server, tmp_path, "async_batch.py", "out", "a cat", "a dog")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["job_1.png", "job_2.png"]
    assert "running" in done.stdout


def test_bulk_from_csv(server: FakeService, tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text("name,prompt\ncat,a cat\ndog,a dog\n")
    server.script(JobScript(error="internal"))
    first = run(server, tmp_path, "bulk_from_csv.py", "prompts.csv", "out")
    assert (first.returncode, first.stdout) == (1, "1 of 2 images in out\n"), first.stderr
    for _ in range(2):
        again = run(server, tmp_path, "bulk_from_csv.py", "prompts.csv", "out")
        assert again.stdout == "2 of 2 images in out\n", again.stderr
    assert len(server.jobs) == 3


def test_webhook_receiver(server: FakeService, client: Client) -> None:
    headers, body = signed_webhook(client.run("a cat"))
    argv = [sys.executable, str(EXAMPLES / "webhook_receiver.py"), "0"]
    receiver = subprocess.Popen(
        argv, env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert receiver.stdout
        url = f"http://127.0.0.1:{receiver.stdout.readline().split()[-1]}/"
        for _ in range(2):
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
                assert response.status == 204
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(urllib.request.Request(url, body + b" ", headers))
    finally:
        receiver.terminate()
        printed, _ = receiver.communicate(timeout=30)
    assert printed.startswith("job.succeeded job_1 http://")
    assert printed.count("\n") == 1


def test_the_tests_of_a_program_of_your_own_pass(server: FakeService) -> None:
    argv = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", str(EXAMPLES / "ci")]
    done = subprocess.run(argv, env=environment(server), capture_output=True, text=True, timeout=100, check=False)
    assert "3 passed" in done.stdout, done.stdout
