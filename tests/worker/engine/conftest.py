import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, PNDMScheduler, StableDiffusionInpaintPipeline

from renderq_shared.catalog import ModelEntry
from tests.fast_model.catalog import fast_model
from tests.worker.engine.tiny_models import (
    SD1_SCHEDULER,
    entry,
    save_depth_pipeline,
    save_pipeline,
    save_upscaler,
    save_xl,
)

THIRD_PARTY_WARNINGS = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    "ignore:__array_wrap__ must accept context:DeprecationWarning",
)
"""diffusers' sigma schedulers mix tensors and arrays, of which numpy 2 warns."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that need a GPU where there is none."""
    if not torch.cuda.is_available():
        gpu_items = [item for item in items if item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=gpu_items)
        items[:] = [item for item in items if item not in gpu_items]
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(*THIRD_PARTY_WARNINGS))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(folders: Path) -> ModelEntry:
    """Like Stable Diffusion 1.x: predicts noise, PNDM without Runge-Kutta steps."""
    published = DDIMScheduler(**SD1_SCHEDULER).config
    save_pipeline(folders / "tiny", PNDMScheduler.from_config(published, skip_prk_steps=True))
    return entry(folders / "tiny", dtype="float32")


@pytest.fixture(scope="session")
def tiny_bf16(tiny: ModelEntry) -> ModelEntry:
    return tiny.model_copy(update={"dtype": "bfloat16"})


@pytest.fixture(scope="session")
def velocity(folders: Path) -> ModelEntry:
    """Like Stable Diffusion 2.x: predicts velocity, DDIM."""
    save_pipeline(
        folders / "velocity",
        DDIMScheduler(prediction_type="v_prediction", timestep_spacing="trailing", **SD1_SCHEDULER),
        seed=1,
    )
    return entry(folders / "velocity", "velocity", dtype="float32")


@pytest.fixture(scope="session")
def deep(folders: Path) -> ModelEntry:
    """Has a text encoder with layers to skip."""
    save_pipeline(folders / "deep", DDIMScheduler(**SD1_SCHEDULER), seed=6, text_layers=3)
    return entry(folders / "deep", "deep", dtype="float32")


@pytest.fixture(scope="session")
def coarse(folders: Path) -> ModelEntry:
    """Like the built-in model: one latent pixel stands for 32 × 32 pixels."""
    save_pipeline(folders / "coarse", DDIMScheduler(**SD1_SCHEDULER), seed=8, vae_channels=(8, 8, 8, 8, 16, 16))
    return entry(folders / "coarse", "coarse", dtype="float32")


@pytest.fixture(scope="session")
def inpainting(folders: Path) -> ModelEntry:
    """Like the inpainting variants of 1.x and 2.x: nine channels."""
    save_pipeline(
        folders / "inpainting", DDIMScheduler(**SD1_SCHEDULER), StableDiffusionInpaintPipeline, seed=3, in_channels=9
    )
    return entry(folders / "inpainting", "inpainting", dtype="float32")


@pytest.fixture(scope="session")
def depth(folders: Path) -> ModelEntry:
    save_depth_pipeline(folders / "depth", DDIMScheduler(prediction_type="v_prediction", **SD1_SCHEDULER))
    return entry(folders / "depth", "depth", dtype="float32")


@pytest.fixture(scope="session")
def upscaler(folders: Path) -> ModelEntry:
    save_upscaler(folders / "upscaler", DDIMScheduler(prediction_type="v_prediction", **SD1_SCHEDULER))
    return entry(folders / "upscaler", "upscaler", dtype="float32")


@pytest.fixture(scope="session")
def xl(folders: Path) -> ModelEntry:
    save_xl(folders / "xl", folders / "xl layout")
    return entry(folders / "xl", "xl", family="sdxl", dtype="float32")


@pytest.fixture(scope="session")
def xl_inpainting(folders: Path) -> ModelEntry:
    save_xl(folders / "xl_inpainting", folders / "xl_inpainting layout", unet={"in_channels": 9})
    return entry(folders / "xl_inpainting", "xl_inpainting", family="sdxl", dtype="float32")


@pytest.fixture(scope="session")
def fast() -> ModelEntry:
    return fast_model()


@pytest.fixture(scope="session")
def outdated(folders: Path) -> ModelEntry:
    """Has the old `steps_offset` and `clip_sample`, which the pipeline's constructor corrects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        save_pipeline(folders / "outdated", DDIMScheduler(beta_schedule="scaled_linear"), seed=2)
    index = folders / "outdated" / "scheduler" / "scheduler_config.json"
    text = index.read_text().replace('"steps_offset": 1', '"steps_offset": 0')
    index.write_text(text.replace('"clip_sample": false', '"clip_sample": true'))
    return entry(folders / "outdated", "outdated", dtype="float32")
