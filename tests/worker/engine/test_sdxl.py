"""SDXL: its pictures are those of diffusers' own XL pipelines, alone and in company."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import EngineSettings, Img2Img, Inpaint
from renderq_worker.engine.families import load_family
from renderq_worker.models import ModelLoadFailed
from tests.worker.engine.stock import stock
from tests.worker.engine.studio import Studio, alone, picture, spec
from tests.worker.engine.test_inpaint import pasted, right_half
from tests.worker.models.small import small_layout, small_pipeline


def wanted(number: int = 0, **changes: Any) -> Any:
    return spec(number, **{"model": "xl", "scheduler": None, "steps": 3} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negative_prompt": ""},  # zeros instead of the embedding of nothing
        {"guidance_scale": 1.0, "scheduler": "euler_a"},
        {"scheduler": "dpmpp_2m_karras", "prompt": "sea, " * 100, "width": 96, "height": 48},
    ],
)
def test_alone_it_is_the_stock_picture(xl: ModelEntry, changes: dict[str, Any]) -> None:
    np.testing.assert_array_equal(alone(xl, wanted(**changes)), stock(xl, wanted(**changes)))


def test_clip_skip_and_guidance_rescale_are_stocks(xl: ModelEntry) -> None:
    each = wanted(clip_skip=1, guidance_rescale=0.7)
    made = alone(xl, each)
    np.testing.assert_array_equal(made, stock(xl, each, clip_skip=1, guidance_rescale=0.7))
    assert (made != alone(xl, wanted(guidance_rescale=0.7))).any()
    assert (made != alone(xl, wanted(clip_skip=1))).any()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_from_a_picture(xl: ModelEntry, dtype: str) -> None:
    entry = xl.model_copy(update={"dtype": dtype})  # what is encoded in float32 shows in bfloat16
    each = wanted(steps=5, scheduler="euler_a", task=Img2Img(picture(), 0.6))
    np.testing.assert_array_equal(alone(entry, each), stock(entry, each))
    task = Inpaint(picture(), right_half(), 0.6)
    each = wanted(steps=5, scheduler="euler_a", task=task)
    np.testing.assert_array_equal(alone(entry, each), pasted(stock(entry, each), task.image, task.mask))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_in_company_nothing_changes(xl: ModelEntry, dtype: str) -> None:
    entry = xl.model_copy(update={"dtype": dtype})
    specs = [
        wanted(0, steps=5, prompt="a lighthouse"),
        wanted(1, steps=4, scheduler="euler_a", negative_prompt=""),
        wanted(2, steps=4, guidance_scale=1.0),
        wanted(3, steps=5, task=Img2Img(picture(), 0.8)),
    ]
    studio = Studio([entry])
    studio.submit(*specs)
    studio.finish()
    for each in specs:
        np.testing.assert_array_equal(studio.pixels(each.id), alone(entry, each))
    stats = [studio.stats(each.id) for each in specs]
    assert max(each.batch_width_mean for each in stats) > 1 or not any(each.batch_invariant for each in stats)


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_the_autoencoder_runs_in_single(xl: ModelEntry) -> None:
    """It overflows in float16, says its configuration; without that it would stay as it is."""
    entry = xl.model_copy(update={"dtype": "float16"})
    np.testing.assert_array_equal(alone(entry, wanted()), stock(entry, wanted()))


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    layout = small_layout("sdxl", tmp_path / "layout")
    unet = layout / "unet" / "config.json"
    unet.write_text(json.dumps(json.loads(unet.read_text()) | {"projection_class_embeddings_input_dim": 64}))
    small_pipeline(layout).save_pretrained(tmp_path / "refiner")
    entry = ModelEntry.model_validate(
        {
            "name": "refiner",
            "source": str(tmp_path / "refiner"),
            "family": "sdxl",
            "tasks": ("txt2img",),
            "revision": "1",
            "dtype": "float32",
            "defaults": {"width": 64, "height": 64, "steps": 4, "guidance_scale": 5},
            "limits": {"max_side": 64, "max_pixels": 4096},
        }
    )
    with pytest.raises(ModelLoadFailed, match="the UNet takes 64 numbers beside the words and pictures have 72"):
        load_family(entry, EngineSettings(device="cpu"))


def test_what_it_learned_in_the_batch_stays_with_its_own_rows(xl: ModelEntry) -> None:
    """Pooled words and sides are gathered row by row, as the embeddings are."""
    family = load_family(xl, EngineSettings(device="cpu", batching="fast"))
    with torch.inference_mode():
        states = [family.begin(wanted(number, prompt=f"picture {number}")) for number in range(3)]
        together = family.predict(states)
        for state, prediction in zip(states, together, strict=True):
            torch.testing.assert_close(prediction, family.predict([state])[0])
