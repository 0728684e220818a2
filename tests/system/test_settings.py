"""Warnings of a process about its environment at its start."""

from pathlib import Path

import pytest

from tests.system.cluster import ServiceProcess

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]


@pytest.mark.parametrize("command", [("api", "--port", "0"), ("worker", "--device", "simulated")])
def test_a_mistyped_setting_is_named_with_the_one_that_is_meant(tmp_path: Path, command: tuple[str, ...]) -> None:
    mistyped = {"RENDERQ_DURABILTY": "fsync", "RENDERQ_DATA": str(tmp_path)}
    part = ServiceProcess(command[0], tmp_path, mistyped, *command, "--redis-url", "redis://127.0.0.1:1/0")
    try:
        said = part.wait_for_log("setting.unknown")
        assert "RENDERQ_DURABILTY" in said
        assert "RENDERQ_DURABILITY" in said
    finally:
        part.kill()
