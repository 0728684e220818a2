"""`renderq up` on the command line: errors are explained in one line."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def up(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renderq", "up", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "explanation"),
    [
        (("--workers", "0"), "--workers must be at least 1, or auto; got '0'"),
        (("--workers", "many"), "--workers must be at least 1, or auto; got 'many'"),
        (("--port", "70000"), "RENDERQ_PORT must be a whole number from 0 to 65535"),
        (("--redis-url", "http://somewhere"), "RENDERQ_REDIS_URL must start with redis://"),
        (("--store", "ftp://somewhere"), "RENDERQ_STORE must be folder:PATH"),
        (("--data", "new\nline"), "RENDERQ_DATA must be UTF-8 text without line breaks"),
        (("--data", "not \udcff text"), "RENDERQ_DATA must be UTF-8 text without line breaks"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, arguments: tuple[str, ...], explanation: str) -> None:
    ended = up("--data", str(tmp_path), *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"renderq up: {explanation}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_of_them_cannot_share_a_data_folder(tmp_path: Path) -> None:
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = up("--data", str(tmp_path))
    assert ended.returncode == 2
    assert "another renderq up uses" in ended.stderr
    assert "--data" in ended.stderr


def test_a_part_that_cannot_start_ends_the_whole(tmp_path: Path) -> None:
    """The catalog is unreadable: each process exits with code 2 and is not restarted."""
    ended = up("--data", str(tmp_path), "--port", "0", "--models", str(tmp_path / "missing.toml"))
    assert ended.returncode == 2
    assert "missing.toml cannot be read" in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert re.match(r"up +│ (api|worker-1) cannot start: renderq (api|worker): .*missing\.toml cannot be read", last)
    assert "Traceback" not in ended.stderr
