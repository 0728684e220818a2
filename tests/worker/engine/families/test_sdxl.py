"""SDXL: images are those of diffusers' own SDXL pipelines, alone and in batches."""

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
from tests.worker.engine.engine_harness import loaded_family, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference, reference_pixels
from tests.worker.engine.tiny_models import entry, save_xl
from tests.worker.models.scaled_layouts import small_layout, small_pipeline


def sdxl_spec(number: int = 0, **changes: Any) -> Any:
    return spec(number, **{"model": "xl", "scheduler": None, "steps": 3} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negative_prompt": ""},  # zeros instead of the embeddings of an empty prompt
        {"scheduler": "dpmpp_2m_karras", "prompt": "(a) sea:2", "width": 96, "height": 48},
    ],
)
def test_alone_it_is_the_stock_image(xl: ModelEntry, changes: dict[str, Any]) -> None:
    np.testing.assert_array_equal(render_alone(xl, sdxl_spec(**changes)), reference_pixels(xl, sdxl_spec(**changes)))


def test_clip_skip_and_guidance_rescale_are_stocks(xl: ModelEntry) -> None:
    each = sdxl_spec(clip_skip=1, guidance_rescale=0.7)
    made = render_alone(xl, each)
    np.testing.assert_array_equal(made, reference_pixels(xl, each, clip_skip=1, guidance_rescale=0.7))
    assert (made != render_alone(xl, sdxl_spec(guidance_rescale=0.7))).any()
    assert (made != render_alone(xl, sdxl_spec(clip_skip=1))).any()


def test_pooled_embeddings_are_stocks_and_layers_are_left_out_whatever_the_prompt(xl: ModelEntry) -> None:
    render_alone(xl, sdxl_spec())
    reference, device = load_reference(xl), torch.device("cpu")
    with torch.inference_mode():
        for prompt, text in (("a (cat:1.5) sat", "a cat sat"), ("sea, " * 20, "sea, " * 20)):
            expected = reference.encode_prompt(text, device=device, negative_prompt="blurry", clip_skip=1)
            state = loaded_family(xl).prepare(sdxl_spec(prompt=prompt, clip_skip=1))
            assert state.added_cond_kwargs is not None
            assert torch.equal(state.added_cond_kwargs["text_embeds"], torch.cat([expected[3], expected[2]]))
        skipped, whole = (
            loaded_family(xl).prepare(sdxl_spec(prompt="sea, " * 20, clip_skip=skip)).embeddings for skip in (1, 0)
        )
        chunk = reference.encode_prompt("sea, sea, sea,", device=device, clip_skip=1)[0]
    assert torch.equal(skipped[1, :16], chunk[0])
    assert not torch.equal(skipped[1], whole[1])
    assert torch.equal(skipped[0], whole[0])


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_the_autoencoder_runs_in_single(xl: ModelEntry) -> None:
    """Upcast happens because the configuration says that the autoencoder overflows in float16."""
    half = xl.model_copy(update={"dtype": "float16"})
    np.testing.assert_array_equal(render_alone(half, sdxl_spec()), reference_pixels(half, sdxl_spec()))


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_latents_have_the_statistics_that_the_model_says(tmp_path: Path, dtype: str) -> None:
    """Playground 2.5 has such statistics."""
    statistics = {"latents_mean": [-1.6, 1.1, 2.7, -0.2], "latents_std": [8.4, 5.9, 5.3, 4.1], "scaling_factor": 0.5}
    save_xl(tmp_path / "xl", tmp_path / "layout", vae=statistics)
    own = entry(tmp_path / "xl", "xl", family="sdxl", dtype=dtype)
    for each in (sdxl_spec(), sdxl_spec(task=Img2Img(random_image(), 0.7))):
        np.testing.assert_array_equal(render_alone(own, each), reference_pixels(own, each))


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    layout = small_layout("sdxl", tmp_path / "layout")
    unet = layout / "unet" / "config.json"
    unet.write_text(json.dumps(json.loads(unet.read_text()) | {"projection_class_embeddings_input_dim": 64}))
    small_pipeline(layout).save_pretrained(tmp_path / "refiner")
    refiner = entry(tmp_path / "refiner", "refiner", family="sdxl", dtype="float32")
    with pytest.raises(ModelLoadFailed, match="the UNet expects 64 numbers of added conditions, not 72"):
        load_family(refiner, EngineSettings(device="cpu"))


def test_what_it_learned_in_the_batch_stays_with_its_own_rows(xl: ModelEntry) -> None:
    """Pooled embeddings and sizes are gathered row by row, as the embeddings are."""
    family = load_family(xl, EngineSettings(device="cpu", batching="fast"))
    with torch.inference_mode():
        states = [family.prepare(sdxl_spec(number, prompt=f"picture {number}")) for number in range(3)]
        together = family.predict(states)
        for state, prediction in zip(states, together, strict=True):
            torch.testing.assert_close(prediction, family.predict([state])[0])
