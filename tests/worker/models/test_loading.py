"""Loading of damaged folders, and parameter counts."""

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from renderq_worker.devices import open_device, resolve_device
from renderq_worker.models import (
    ModelLoadFailed,
    parameter_counts,
    resolve_dtype,
)
from renderq_worker.models.dtypes import BFLOAT16_MIN_PARAMETERS
from renderq_worker.models.loading import load_pipeline
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_depth_pipeline

CPU = torch.device("cpu")


def load(folder: Path) -> object:
    return load_pipeline(entry(folder), CPU, torch.float32)


def test_weights_are_counted_without_loading_them(saved: Path) -> None:
    pipeline = load_pipeline(entry(saved), CPU, torch.bfloat16)
    components = (pipeline.unet, pipeline.vae, pipeline.text_encoder)
    counts = [sum(weight.numel() for weight in component.parameters()) for component in components]
    assert parameter_counts(entry(saved)) == dict(zip(("unet", "vae", "text_encoder"), counts, strict=True))
    assert {component.dtype for component in components} == {torch.bfloat16}


def test_a_second_precision_in_the_folder_is_not_counted_twice(folder: Path) -> None:
    before = parameter_counts(entry(folder))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(weights, weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert parameter_counts(entry(folder)) == before


def test_damaged_weights(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header at all")
    with pytest.raises(ModelLoadFailed, match=r"model 'tiny': .*not a safetensors file; download it again"):
        load(folder)


def test_a_missing_component(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    with pytest.raises(ModelLoadFailed, match="has no vae, which its model_index"):
        load(folder)


def test_missing_weights(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    with pytest.raises(ModelLoadFailed, match='unet has no weights but those of a variant; write variant = "fp16"'):
        load(folder)
    variant = entry(folder, variant="fp16")
    assert parameter_counts(variant)["unet"] > 0
    load_pipeline(variant, CPU, torch.float32)


def test_weights_in_parts(folder: Path) -> None:
    before = parameter_counts(entry(folder))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    unet.save_pretrained(folder / "unet", max_shard_size="20KB")
    assert parameter_counts(entry(folder)) == before
    load(folder)
    first = min((folder / "unet").glob("*-00001-of-*.safetensors"))
    parts = int(first.stem.rpartition("-")[2])
    first.unlink()
    with pytest.raises(
        ModelLoadFailed, match=f"unet lacks 1 of the {parts} files of weights that .* names: {first.name}"
    ):
        load(folder)


def test_another_kind_of_pipeline(folder: Path) -> None:
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "FluxPipeline"}))
    with pytest.raises(ModelLoadFailed, match="holds a FluxPipeline, which is not of family 'stable_diffusion'"):
        load(folder)


def test_parts_by_the_names_that_they_were_published_with(tmp_path: Path) -> None:
    save_depth_pipeline(tmp_path / "depth", DDIMScheduler(**SD1_SCHEDULER))
    index = tmp_path / "depth" / "model_index.json"
    published = re.sub("DPTImageProcessor[a-zA-Z]*", "DPTFeatureExtractor", index.read_text())
    assert "DPTFeatureExtractor" in published
    index.write_text(published)
    pipeline = load_pipeline(entry(tmp_path / "depth"), CPU, torch.float32)
    assert pipeline.feature_extractor.size == {"height": 32, "width": 32}


class Exploit:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_pickled_weights_run_no_code(folder: Path, tmp_path: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with (folder / "unet" / "diffusion_pytorch_model.bin").open("wb") as file:
        pickle.dump(Exploit(tmp_path / "owned"), file)
    with pytest.raises(ModelLoadFailed):
        load(folder)
    assert not (tmp_path / "owned").exists()


def test_components_that_bring_their_own_code_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "unet" / "own_unet.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass OwnUNet: pass\n")
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"unet": ["own_unet", "OwnUNet"]}))
    with pytest.raises(ModelLoadFailed):
        load(folder)
    assert not (tmp_path / "owned").exists()


def test_the_catalogs_dtype_comes_before_the_workers(saved: Path) -> None:
    assert resolve_dtype(entry(saved, dtype="bfloat16"), "float32", CPU) is torch.bfloat16
    assert resolve_dtype(entry(saved), "bfloat16", CPU) is torch.bfloat16


def test_small_models_run_in_float32_on_a_cpu(saved: Path) -> None:
    assert parameter_counts(entry(saved))["unet"] < BFLOAT16_MIN_PARAMETERS
    assert resolve_dtype(entry(saved), "auto", CPU) is torch.float32


def test_half_precision_on_cuda(saved: Path) -> None:
    assert resolve_dtype(entry(saved), "auto", torch.device("cuda")) is torch.float16


def test_devices() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert open_device("cpu").free_bytes() > 0
