"""A service on a card that is too small: jobs succeed and report the fallbacks."""

from pathlib import Path

import pytest

from tests.system.service import Service

pytestmark = pytest.mark.system


def test_an_image_that_does_not_fit_whole_comes_with_a_warning(tmp_path: Path) -> None:
    """The built-in model takes 56 MB, an image of 512 pixels 33 MB to denoise and 101 MB to decode."""
    with Service(tmp_path, env={"RENDERQ_DEVICE_MEMORY_GB": "0.13", "RENDERQ_MEMORY_MODE": "full"}) as service:
        large = service.wait_until_ended(service.submit(width=512, height=512, steps=1)["id"])
        small = service.wait_until_ended(service.submit(steps=1)["id"])
    assert large["status"] == small["status"] == "succeeded"
    assert [warning["code"] for warning in large["warnings"]] == ["autoencoder_tiled"]
    assert "overlapping tiles" in large["warnings"][0]["message"]
    assert small["warnings"] == []
    assert 56e6 < small["metrics"]["peak_memory_bytes"] < large["metrics"]["peak_memory_bytes"] <= 130e6
