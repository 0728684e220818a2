"""A catalog of one tiny model of every kind, with real layouts and random weights, and the fast model."""

from pathlib import Path

from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

from tests.fast_model.catalog import fast_model
from tests.worker.engine.tiny_later_transformers import save_klein
from tests.worker.engine.tiny_models import SD1_SCHEDULER, save_depth_pipeline, save_pipeline, save_upscaler
from tests.worker.engine.tiny_transformers import save_sd3
from tests.worker.models.original_layout import save_original
from tests.worker.models.scaled_layouts import small_layout, small_pipeline

_FILES = {"sd1": "sd1.ckpt", "sd2-v": "sd2-v.safetensors"}
"""Layout → the one file that holds all weights."""

_FOLDERS = ("depth", "upscaler", "inpainting", "xl", "sd3", "klein")

_FAST = f'default = "shapes"\n[models.shapes]\nsource = "{fast_model().source}"\ndtype = "float32"\nmax_side = 512\n'


def write_catalog(folder: Path) -> Path:
    """The `models.toml`: `shapes`, and tiny models named after their layout."""
    velocity = DDIMScheduler(prediction_type="v_prediction", **SD1_SCHEDULER)
    save_depth_pipeline(folder / "depth", velocity)
    save_upscaler(folder / "upscaler", velocity)
    inpainting = DDIMScheduler(**SD1_SCHEDULER)
    save_pipeline(folder / "inpainting", inpainting, StableDiffusionInpaintPipeline, in_channels=9)
    small_pipeline(small_layout("sdxl", folder / "xl-layout")).save_pretrained(folder / "xl")
    save_sd3(folder / "sd3")
    save_klein(folder / "klein")
    for layout, file in _FILES.items():
        save_original(small_pipeline(small_layout(layout, folder / f"{layout}-layout")), folder / file)
    entries = [_FAST, *(_entry(name, name) for name in _FOLDERS)]
    entries += [_entry(name, file, f'layout = "{name}-layout"') for name, file in _FILES.items()]
    path = folder / "models.toml"
    path.write_text("\n".join(entries), encoding="utf-8")
    return path


def _entry(name: str, source: str, fields: str = "") -> str:
    return f'[models.{name}]\nsource = "{source}"\ndtype = "float32"\ndefaults = {{ steps = 3 }}\n{fields}\n'
