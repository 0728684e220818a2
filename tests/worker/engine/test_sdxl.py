"""SDXL: its pictures are those of diffusers' own XL pipelines, alone and in company."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import EngineSettings, Img2Img
from renderq_worker.engine.families import load_family
from renderq_worker.models import ModelLoadFailed
from tests.worker.engine.stock import loaded, stock
from tests.worker.engine.studio import alone, picture, resident, spec
from tests.worker.engine.tiny import entry, save_xl
from tests.worker.models.small import small_layout, small_pipeline


def wanted(number: int = 0, **changes: Any) -> Any:
    return spec(number, **{"model": "xl", "scheduler": None, "steps": 3} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negative_prompt": ""},  # zeros instead of the embedding of nothing
        {"scheduler": "dpmpp_2m_karras", "prompt": "(a) sea:2", "width": 96, "height": 48},
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


def test_pooled_words_are_stocks_and_layers_are_left_out_whatever_the_prompt(xl: ModelEntry) -> None:
    alone(xl, wanted())
    judge, device = loaded(xl), torch.device("cpu")
    with torch.inference_mode():
        for prompt, text in (("a (cat:1.5) sat", "a cat sat"), ("sea, " * 20, "sea, " * 20)):
            expected = judge.encode_prompt(text, device=device, negative_prompt="blurry", clip_skip=1)
            words = resident(xl).begin(wanted(prompt=prompt, clip_skip=1))
            assert words.extras is not None
            assert torch.equal(words.extras["text_embeds"], torch.cat([expected[3], expected[2]]))
        skipped, whole = (resident(xl).begin(wanted(prompt="sea, " * 20, clip_skip=skip)).embeddings for skip in (1, 0))
        window = judge.encode_prompt("sea, sea, sea,", device=device, clip_skip=1)[0]
    assert torch.equal(skipped[1, :16], window[0])
    assert not torch.equal(skipped[1], whole[1])
    assert torch.equal(skipped[0], whole[0])


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_the_autoencoder_runs_in_single(xl: ModelEntry) -> None:
    """It overflows in float16, says its configuration; without that it would stay as it is."""
    half = xl.model_copy(update={"dtype": "float16"})
    np.testing.assert_array_equal(alone(half, wanted()), stock(half, wanted()))


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_latents_have_the_statistics_that_the_model_says(tmp_path: Path, dtype: str) -> None:
    """As Playground 2.5 does."""
    statistics = {"latents_mean": [-1.6, 1.1, 2.7, -0.2], "latents_std": [8.4, 5.9, 5.3, 4.1], "scaling_factor": 0.5}
    save_xl(tmp_path / "xl", tmp_path / "layout", vae=statistics)
    own = entry(tmp_path / "xl", "xl", family="sdxl", dtype=dtype)
    for each in (wanted(), wanted(task=Img2Img(picture(), 0.7))):
        np.testing.assert_array_equal(alone(own, each), stock(own, each))


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    layout = small_layout("sdxl", tmp_path / "layout")
    unet = layout / "unet" / "config.json"
    unet.write_text(json.dumps(json.loads(unet.read_text()) | {"projection_class_embeddings_input_dim": 64}))
    small_pipeline(layout).save_pretrained(tmp_path / "refiner")
    refiner = entry(tmp_path / "refiner", "refiner", family="sdxl", dtype="float32")
    with pytest.raises(ModelLoadFailed, match="the UNet takes 64 numbers beside the words and pictures have 72"):
        load_family(refiner, EngineSettings(device="cpu"))


def test_what_it_learned_in_the_batch_stays_with_its_own_rows(xl: ModelEntry) -> None:
    """Pooled words and sides are gathered row by row, as the embeddings are."""
    family = load_family(xl, EngineSettings(device="cpu", batching="fast"))
    with torch.inference_mode():
        states = [family.begin(wanted(number, prompt=f"picture {number}")) for number in range(3)]
        together = family.predict(states)
        for state, prediction in zip(states, together, strict=True):
            torch.testing.assert_close(prediction, family.predict([state])[0])
