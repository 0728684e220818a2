"""A service with API keys, created while it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.service import Service

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]


def renderq(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renderq", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_from_the_first_key_to_an_image(tmp_path: Path) -> None:
    data, settings = tmp_path / "data", {"RENDERQ_KEYS": "required", "RENDERQ_DEVICE": "simulated:1"}
    with Service(data, "--host", "0.0.0.0", env=settings) as service:
        assert service.url.startswith("http://0.0.0.0:")
        made = renderq("keys", "create", "mine", "--data", str(data))
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        without = renderq("run", "a circle", RENDERQ_URL=service.url)
        assert without.returncode == 2
        assert "RENDERQ_API_KEY" in without.stderr
        image = tmp_path / "out.png"
        drawn = renderq("run", "a circle", "-o", str(image), RENDERQ_URL=service.url, RENDERQ_API_KEY=key)
        assert drawn.returncode == 0, drawn.stderr
        assert image.exists()
        secret = key.split("_")[2]
        assert key[:13] in service.log_text
    assert secret not in service.log_text
    assert not (data / "redis" / "address").exists()
