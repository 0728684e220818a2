"""Stock calls that meet at their denoiser: each image has the bits of the stock call alone, in any company."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Canceled, GenerationSpec
from tests.worker.engine.engine_harness import EngineHarness, spec
from tests.worker.engine.reference_pipeline import load_reference, pipeline_pixels
from tests.worker.engine.tiny_later_transformers import (
    save_aura_flow,
    save_kandinsky3,
    save_klein,
    save_kontext,
    save_lumina2,
    save_pixart,
    save_sana,
)
from tests.worker.engine.tiny_models import entry
from tests.worker.engine.tiny_transformers import (
    save_chroma,
    save_flux,
    save_hunyuan_dit,
    save_qwen_image,
    save_sd3,
    save_z_image,
)


@dataclass(frozen=True)
class Kind:
    """A family, and what its stock call is given."""

    save: Callable[..., None]
    guidance: str = "guidance_scale"
    negative_prompt: str | None = None
    further: tuple[tuple[str, Any], ...] = ()
    alone: tuple[str, ...] = ()
    """Dtypes in which images are computed one by one, because bits differ in any batch."""


FAMILIES = {
    "flux": Kind(save_flux),
    "schnell": Kind(lambda folder: save_flux(folder, guidance_embeds=False), "true_cfg_scale", " "),
    "sd3": Kind(save_sd3),
    "qwen_image": Kind(save_qwen_image, "true_cfg_scale", " ", alone=("float32",)),
    "z_image": Kind(save_z_image),
    "chroma": Kind(save_chroma),
    "klein": Kind(save_klein),
    "kontext": Kind(save_kontext),
    "sana": Kind(save_sana, further=(("use_resolution_binning", False),)),
    "lumina2": Kind(save_lumina2),
    "pixart": Kind(save_pixart, further=(("use_resolution_binning", False),)),
    "aura_flow": Kind(save_aura_flow),
    "hunyuan_dit": Kind(save_hunyuan_dit, further=(("use_resolution_binning", False),)),
    "kandinsky3": Kind(save_kandinsky3),
}

PROMPTS = ("a red circle", "a big circle", "a red square", "a dim square", "an old tower", "a new kettle")
"""Of as many tokens for the tiny tokenizers, most of which have one per letter."""

DTYPES = ("float32", "bfloat16")

pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning")


@pytest.fixture(scope="module")
def saved(folders: Path) -> Callable[[str], Path]:
    def folder(family: str) -> Path:
        path = folders / f"rendezvous {family}"
        if not path.exists():
            FAMILIES[family].save(path)
        return path

    return folder


def specs_of(model: str, count: int = 6, **changes: Any) -> list[GenerationSpec]:
    """Return images with their own prompts, steps and guidance scales."""
    return [
        spec(
            number,
            **{
                "model": model,
                "prompt": PROMPTS[number],
                "negative_prompt": "",
                "scheduler": None,
                "steps": 8 + number % 3,
                "guidance_scale": 3.0 + number / 2,
            }
            | changes,
        )
        for number in range(count)
    ]


def submit_staggered(harness: EngineHarness, specs: Sequence[GenerationSpec]) -> None:
    for each in specs:
        harness.submit(each)
        harness.tick(2)


def stock_pixels(kind: Kind, model: ModelEntry, request: GenerationSpec) -> np.ndarray:
    """Return the pixels of the stock call alone."""
    return pipeline_pixels(
        load_reference(model),
        request,
        **{kind.guidance: request.sampling.guidance_scale},
        **({} if kind.negative_prompt is None else {"negative_prompt": kind.negative_prompt}),
        **dict(kind.further),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_six_staggered_images_share_forward_passes_and_are_the_stock_ones(
    family: str, dtype: str, saved: Callable[[str], Path]
) -> None:
    kind, model = FAMILIES[family], entry(saved(family), family, family="pipeline", dtype=dtype)
    harness = EngineHarness([model])
    specs = specs_of(family)
    submit_staggered(harness, specs)
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(kind, model, each))
    mean = sum(harness.stats(each.id).batch_width_mean for each in specs) / len(specs)
    if dtype in kind.alone:
        assert mean < 2
    else:
        assert mean > 2
