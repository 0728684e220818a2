"""Nothing that `renderq up` writes is open to other users of the machine."""

import os
import stat
from pathlib import Path

import pytest

from tests.system.service import Service

pytestmark = pytest.mark.system


def test_data_folder_is_private_whatever_its_mode_and_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "redis").mkdir(parents=True)
    for folder in (data, data / "redis"):
        folder.chmod(0o755)
    umask = os.umask(0o022)
    try:
        service = Service(data, env={"RENDERQ_DEVICE": "simulated"})
        service.start()
    finally:
        os.umask(umask)
    try:
        job = service.wait_until_ended(service.submit(steps=2)["id"])
        assert job["status"] == "succeeded", job
        found = [path for path in (data, *data.rglob("*")) if path.exists()]
        assert {path.suffix for path in found} >= {".aof", ".png"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()} == {0o600}
    finally:
        service.stop()
