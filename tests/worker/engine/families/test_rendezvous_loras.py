"""LoRAs in stock calls that meet at their denoiser: the bits of the stock call with the LoRA alone, in any company."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import AppliedLora, GenerationSpec
from renderq_worker.models.loading import check_startable
from tests.worker.engine.engine_harness import EngineHarness
from tests.worker.engine.families.test_rendezvous import FAMILIES, Kind, specs_of, submit_staggered
from tests.worker.engine.reference_pipeline import pipeline_pixels
from tests.worker.engine.tiny_loras import save_lora
from tests.worker.engine.tiny_models import entry

pytestmark = [
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning"),
]

INK, OIL = AppliedLora("ink", 0.8, 0.8), AppliedLora("oil", 0.5, 0.5)


def with_loras(family: str, dtype: str, folder: Path) -> ModelEntry:
    FAMILIES[family].save(folder / family)
    model = entry(folder / family, family, family="pipeline", dtype=dtype)
    loras = tuple(save_lora(model, folder / f"{name}.safetensors", seed=len(name)) for name in ("ink", "oil"))
    return model.model_copy(update={"loras": (loras[0], loras[1].model_copy(update={"name": "oil"}))})


def stock_pipeline(model: ModelEntry) -> Any:
    pipeline: Any = DiffusionPipeline.from_pretrained(model.source, dtype=getattr(torch, model.dtype))
    for lora in model.loras:
        path = Path(lora.source)
        pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name=lora.name)
    return pipeline


def stock_pixels(kind: Kind, pipeline: Any, request: GenerationSpec) -> np.ndarray:
    pipeline.enable_lora()
    if request.loras:
        pipeline.set_adapters([lora.name for lora in request.loras], [lora.weight for lora in request.loras])
    else:
        pipeline.disable_lora()
    return pipeline_pixels(
        pipeline,
        request,
        **{kind.guidance: request.sampling.guidance_scale},
        **({} if kind.negative_prompt is None else {"negative_prompt": kind.negative_prompt}),
        **dict(kind.further),
    )


@pytest.mark.parametrize(
    ("family", "dtype"), [("flux", "float32"), *((family, "bfloat16") for family in ("sd3", "qwen_image", "z_image"))]
)
def test_staggered_images_with_and_without_loras_are_the_stock_ones(family: str, dtype: str, tmp_path: Path) -> None:
    kind, model = FAMILIES[family], with_loras(family, dtype, tmp_path)
    check_startable(model)
    harness = EngineHarness([model])
    sets = ((INK,), (INK,), (), (INK, OIL))
    specs = [specs_of(family, number + 1, loras=loras)[number] for number, loras in enumerate(sets)]
    submit_staggered(harness, specs)
    harness.finish()
    pipeline = stock_pipeline(model)
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), stock_pixels(kind, pipeline, each))
    assert harness.engine.resident_loras() == {family: ("ink", "oil")}
