"""LoRAs are checked in every layer before a job uses them."""

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file, save_file

from renderq_shared.catalog import ModelEntry
from renderq_worker.models import ModelLoadFailed
from renderq_worker.models.loading import check_startable, rehearse
from tests.worker.engine.tiny_loras import kohya_keys, peft_keys, save_lora
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    folder = tmp_path_factory.mktemp("tiny")
    save_pipeline(folder, DDIMScheduler(**SD1_SCHEDULER))
    return entry(folder, dtype="float32")


@pytest.mark.parametrize("keys", [peft_keys, kohya_keys])
def test_a_lora_that_fits(model: ModelEntry, tmp_path: Path, keys: object) -> None:
    lora = save_lora(model, tmp_path / "ink.safetensors", keys=keys)  # type: ignore[arg-type]
    checked = model.model_copy(update={"loras": (lora, lora.model_copy(update={"name": "again"}))})
    check_startable(checked)
    rehearse(checked)


@pytest.mark.parametrize(
    "name", ["unet.down_blocks.0.resnets.0.conv1", "text_encoder.encoder.layers.0.self_attn.q_proj"]
)
def test_a_lora_of_which_one_layer_does_not_fit(model: ModelEntry, tmp_path: Path, name: str) -> None:
    path = tmp_path / "ink.safetensors"
    lora = save_lora(model, path)
    tensors = load_file(path)
    [key] = [each for each in tensors if each.startswith(name) and "lora_B" in each]
    save_file({**tensors, key: torch.zeros(3, *tensors[key].shape[1:])}, path)
    with pytest.raises(ModelLoadFailed, match=r"model 'tiny': LoRA 'ink' \(.*ink.safetensors\) does not fit: .*size"):
        check_startable(model.model_copy(update={"loras": (lora,)}))


def test_a_lora_of_layers_that_the_model_does_not_have(model: ModelEntry, tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    lora = save_lora(model, path)
    save_file({"unet.down_blocks.7.attn.to_q.lora_A.weight": torch.zeros(2, 4)}, path)
    with pytest.raises(ModelLoadFailed, match="LoRA 'ink'"):
        check_startable(model.model_copy(update={"loras": (lora,)}))
