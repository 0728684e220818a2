"""Models that no family can load."""

from pathlib import Path

import pytest
from diffusers import DDIMScheduler

from renderq_worker.engine import EngineSettings
from renderq_worker.engine.families import load_family
from renderq_worker.models import ModelLoadFailed
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline


def test_another_family(tmp_path: Path) -> None:
    save_pipeline(tmp_path / "tiny", DDIMScheduler(**SD1_SCHEDULER))
    for family, message in (
        ("sdxl", "holds a StableDiffusionPipeline, which is not of family 'sdxl'"),
        ("video", "family 'video' is not one of stable_diffusion, sdxl, pipeline"),
    ):
        other = entry(tmp_path / "tiny").model_copy(update={"family": family})
        with pytest.raises(ModelLoadFailed, match=message):
            load_family(other, EngineSettings(device="cpu"))


def test_a_unet_that_takes_nothing_known_beside_latents(tmp_path: Path) -> None:
    save_pipeline(tmp_path / "odd", DDIMScheduler(**SD1_SCHEDULER), in_channels=6)
    with pytest.raises(ModelLoadFailed, match="takes 6 channels and the latents have 4"):
        load_family(entry(tmp_path / "odd"), EngineSettings(device="cpu"))
