"""Folders as people have them: what `renderq models check` calls ok renders, and the rest is refused by name."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusion3Pipeline, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from renderq_shared.catalog import ModelConfig, resolve_entry
from renderq_shared.settings import WorkerSettings
from renderq_worker.commands.models_check import check_model
from renderq_worker.models.loading import load_pipeline
from tests.worker.engine.engine_harness import EngineHarness, spec
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline
from tests.worker.engine.tiny_transformers import save_flux, save_qwen_image, save_sd3, save_z_image

CPU = torch.device("cpu")
WEIGHTS = "diffusion_pytorch_model.safetensors"
INDEX = f"{WEIGHTS}.index.json"

Change = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Layout:
    """A change of a good folder."""

    name: str
    change: Change
    message: str = ""
    """Regular expression in the problem of the check; empty: the model renders."""
    config: tuple[tuple[str, Any], ...] = ()
    """Fields of the entry in addition to its source."""
    base: str = "sd"


def edit(path: str, **changes: Any) -> Change:
    """Change fields of a JSON file."""

    def change(folder: Path) -> None:
        file = folder / path
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


def remove(*paths: str) -> Change:
    def change(folder: Path) -> None:
        for path in paths:
            target = folder / path
            shutil.rmtree(target) if target.is_dir() else target.unlink()

    return change


def rename(path: str, name: str) -> Change:
    return lambda folder: (folder / path).rename((folder / path).with_name(name))


def copy(path: str, name: str) -> Change:
    return lambda folder: shutil.copy(folder / path, (folder / path).with_name(name))


def write(path: str, content: bytes = b"") -> Change:
    def change(folder: Path) -> None:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)

    return change


def weights(path: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Change:
    """Change the tensors of a file."""
    return lambda folder: save_file(change(load_file(folder / path)), folder / path, metadata={"format": "pt"})


def fp16_only(*components: str) -> Change:
    return both(
        *(rename(f"{each}/{name}", name.replace(".s", ".fp16.s")) for each, name in map(_weights_of, components))
    )


def _weights_of(component: str) -> tuple[str, str]:
    return component, "model.safetensors" if component.startswith("text_encoder") else WEIGHTS


def split(component: str, **options: Any) -> Change:
    """Save a component's weights in parts."""

    def change(folder: Path) -> None:
        kind = CLIPTextModel if component == "text_encoder" else UNet2DConditionModel
        model = kind.from_pretrained(folder / component)
        (folder / component / _weights_of(component)[1]).unlink()
        model.save_pretrained(folder / component, **{"max_shard_size": "30KB"} | options)

    return change


def resave_text_encoder(folder: Path, **changes: Any) -> None:
    CLIPTextModel(CLIPTextConfig.from_pretrained(folder, **changes)).save_pretrained(folder)


def lose_a_part(component: str) -> Change:
    return lambda folder: min((folder / component).glob("*-00002-of-*")).unlink()


def pickled(component: str, name: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / component / _weights_of(component)[1]
        torch.save(load_file(path), path.with_name(name))
        path.unlink()

    return change


def to_float8(
    dtype: torch.dtype, *, scaled: bool = False
) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    def change(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        made: dict[str, torch.Tensor] = {}
        for name, tensor in tensors.items():
            scale = tensor.abs().max() / 448 if scaled and name.endswith(".weight") and tensor.ndim == 2 else None
            made[name] = (tensor if scale is None else tensor / scale).to(dtype)
            if scale is not None:
                made[name.removesuffix("weight") + "scale_weight"] = scale
        return made

    return change


def quantized(path: str, **quantization: Any) -> Change:
    return edit(path, quantization_config=quantization)


NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
CODE = b"import pathlib\npathlib.Path(__file__).with_name('RAN').touch()\nclass Own: pass\n"
CHECKER = {
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
}
INDEX_FILE = "model_index.json"

LAYOUTS = [
    Layout("as saved", lambda folder: None),
    Layout("a tokenizer without a length", edit("tokenizer/tokenizer_config.json", model_max_length=10**30)),
    Layout(
        "pickles", both(pickled("unet", "diffusion_pytorch_model.bin"), pickled("text_encoder", "pytorch_model.bin"))
    ),
    # Variants
    Layout("fp16 only", fp16_only("unet", "vae", "text_encoder"), 'write variant = "fp16"'),
    Layout("fp16 only, named", fp16_only("unet", "vae", "text_encoder"), config=(("variant", "fp16"),)),
    Layout("fp16 of the UNet only", fp16_only("unet"), config=(("variant", "fp16"),)),
    Layout(
        "two variants, none plain",
        both(
            fp16_only("unet"),
            copy("unet/diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.ema.safetensors"),
        ),
        'write variant = "ema" or variant = "fp16"',
    ),
    Layout("a variant that is not there", fp16_only("vae"), r"variant 'bf16'; it has 'fp16'", (("variant", "bf16"),)),
    Layout("a variant of a plain folder", lambda folder: None, r"variant 'fp16'; omit variant", (("variant", "fp16"),)),
    Layout(
        "a name without suffix beside a variant",
        both(fp16_only("unet"), write("vae/LICENSE")),
        "LICENSE has no suffix",
        (("variant", "fp16"),),
    ),
    Layout("a name without suffix", write("vae/LICENSE")),
    # Parts
    Layout("UNet in parts", split("unet")),
    Layout(
        "UNet in parts, one lost",
        both(split("unet"), lose_a_part("unet")),
        r"unet lacks 1 of the \d+ files .*-00002-of-",
    ),
    Layout("UNet in parts, index lost", both(split("unet"), remove(f"unet/{INDEX}")), rf"no {INDEX}"),
    Layout("UNet in parts of a variant", split("unet", variant="fp16"), config=(("variant", "fp16"),)),
    Layout(
        "UNet whole beside a stale index", write(f"unet/{INDEX}", b'{"weight_map": {"a": "gone.safetensors"}}'), "gone"
    ),
    Layout("UNet, index without a map", both(split("unet"), write(f"unet/{INDEX}", b"{}")), "has no weight_map"),
    Layout("text encoder in parts", split("text_encoder", max_shard_size="4KB")),
    Layout(
        "text encoder, one part lost",
        both(split("text_encoder", max_shard_size="4KB"), lose_a_part("text_encoder")),
        r"text_encoder lacks 1 of the \d+ files",
    ),
    Layout(
        "text encoder, index lost",
        both(split("text_encoder", max_shard_size="4KB"), remove("text_encoder/model.safetensors.index.json")),
        "no model.safetensors.index.json",
    ),
    Layout("pickles in parts", split("unet", safe_serialization=False), "take a version in safetensors"),
    # Missing and damaged files
    Layout("no weights", remove(f"unet/{WEIGHTS}"), "unet has no weights; download"),
    Layout(
        "weights by the other library's name",
        rename(f"unet/{WEIGHTS}", "model.safetensors"),
        f"unet has no weights under a name that diffusers loads, such as {WEIGHTS}, but model.safetensors",
    ),
    Layout(
        "a pointer instead of weights",
        write(f"vae/{WEIGHTS}", b"version https://git-lfs.github.com/spec/v1\n"),
        "is a Git LFS pointer",
    ),
    Layout("empty weights", write(f"vae/{WEIGHTS}"), "is empty"),
    Layout("no component folder", remove("vae"), "vae"),
    Layout("no scheduler", remove("scheduler"), "has no scheduler, which its model_index"),
    Layout("no tokenizer", remove("tokenizer"), "has no tokenizer, which its model_index"),
    Layout("a tokenizer without vocabulary", remove("tokenizer/tokenizer.json"), "tokenizer"),
    Layout("no configuration", remove("unet/config.json"), "unet"),
    Layout(
        "weights lacking", weights(f"unet/{WEIGHTS}", lambda all: dict(list(all.items())[2:])), "unet .*lacks weights: "
    ),
    Layout(
        "text encoder lacking weights",
        weights("text_encoder/model.safetensors", lambda all: dict(list(all.items())[2:])),
        "text_encoder .*lacks weights: ",
    ),
    Layout("another width", edit("unet/config.json", block_out_channels=[16, 64]), "unet .*has other shapes"),
    Layout("another depth", edit("text_encoder/config.json", intermediate_size=64), "text_encoder .*has other shapes"),
    Layout(
        "the text encoder of another model",
        lambda folder: resave_text_encoder(folder / "text_encoder", hidden_size=32),
        "UNet expects prompts 16 wide, and the text encoders make them 32 wide",
    ),
    # Formats
    Layout("bfloat16", weights(f"unet/{WEIGHTS}", lambda all: {name: each.bfloat16() for name, each in all.items()})),
    Layout("plain float8", weights(f"unet/{WEIGHTS}", to_float8(torch.float8_e4m3fn))),
    Layout("plain float8, other format", weights(f"unet/{WEIGHTS}", to_float8(torch.float8_e5m2))),
    Layout("plain float8 text encoder", weights("text_encoder/model.safetensors", to_float8(torch.float8_e4m3fn))),
    Layout(
        "scaled float8",
        weights(f"unet/{WEIGHTS}", to_float8(torch.float8_e4m3fn, scaled=True)),
        "scale_weight.*plain float8",
    ),
    Layout(
        "scaled float8 text encoder",
        weights("text_encoder/model.safetensors", to_float8(torch.float8_e4m3fn, scaled=True)),
        "scale_weight",
    ),
    Layout(
        "nf4",
        quantized("unet/config.json", **NF4),
        r"unet is quantized with bitsandbytes \(nf4\), which needs bitsandbytes, "
        "which is not installed, and a CUDA device",
    ),
    Layout(
        "nf4 text encoder", quantized("text_encoder/config.json", **NF4), "text_encoder is quantized with bitsandbytes"
    ),
    Layout(
        "unknown quantization",
        quantized("unet/config.json", quant_method="new"),
        "a library that renderq does not know",
    ),
    # Code and classes
    Layout(
        "component with code",
        both(write("unet/own.py", CODE), edit(INDEX_FILE, unet=["own", "Own"])),
        "its own code for unet",
    ),
    Layout(
        "component of another library", edit(INDEX_FILE, unet=["own", "Own"]), "unet is a Own of own: only diffusers"
    ),
    Layout(
        "pipeline with code",
        both(write("own.py", CODE), edit(INDEX_FILE, _class_name=["own", "Own"])),
        "its own code for the pi",
    ),
    Layout(
        "pipeline with code by name",
        both(write("own.py", CODE), edit(INDEX_FILE, _class_name="OwnPipeline")),
        "a OwnPipeline is not",
    ),
    Layout(
        "a class of the future",
        edit(INDEX_FILE, vae=["diffusers", "AutoencoderFuture"]),
        r"AutoencoderFuture, which diffusers \S+ does not",
    ),
    Layout("weights for JAX", edit(INDEX_FILE, unet=["diffusers", "FlaxUNet2DConditionModel"]), "for JAX; take"),
    Layout("ONNX", edit(INDEX_FILE, unet=["diffusers", "OnnxRuntimeModel"]), "for ONNX; take"),
    # Components left out
    Layout("no checker", edit(INDEX_FILE, safety_checker=[None, None])),
    Layout(
        "a checker that was deleted",
        edit(INDEX_FILE, **CHECKER),
        r'without = \["safety_checker"\].*"safety_checker": \[null, null\]',
    ),
    Layout(
        "a checker that was deleted, left out", edit(INDEX_FILE, **CHECKER), config=(("without", ["safety_checker"]),)
    ),
    Layout(
        "an autoencoder left out",
        edit(INDEX_FILE, vae=[None, None]),
        "no vae in its model_index.json; a StableDiffusionPipeline",
    ),
    Layout(
        "left out what is needed", lambda folder: None, "'vae' is needed; .*text_encoder_3", (("without", ["vae"]),)
    ),
    Layout(
        "left out what is not there", lambda folder: None, "has no text_encoder_3", (("without", ["text_encoder_3"]),)
    ),
    Layout("SD3", lambda folder: None, base="sd3"),
    Layout("SD3 without T5", edit(INDEX_FILE, text_encoder_3=[None, None], tokenizer_3=[None, None]), base="sd3"),
    Layout("SD3, T5 left out", lambda folder: None, config=(("without", ["text_encoder_3"]),), base="sd3"),
    Layout("SD3, T5 deleted", remove("text_encoder_3", "tokenizer_3"), r'without = \["text_encoder_3"\]', base="sd3"),
    Layout(
        "SD3, T5 deleted and left out",
        remove("text_encoder_3", "tokenizer_3"),
        "",
        (("without", ["text_encoder_3"]),),
        "sd3",
    ),
    Layout("Flux", lambda folder: None, base="flux"),
    Layout("Flux without T5", edit(INDEX_FILE, text_encoder_2=[None, None]), "no text_encoder_2", base="flux"),
    Layout("Flux in nf4", quantized("transformer/config.json", **NF4), "transformer is quantized", base="flux"),
    Layout(
        "Flux in scaled float8",
        weights(f"transformer/{WEIGHTS}", to_float8(torch.float8_e4m3fn, scaled=True)),
        "scale_weight",
        base="flux",
    ),
    Layout("Flux schnell", lambda folder: None, base="schnell"),
    Layout("Qwen-Image", lambda folder: None, base="qwen"),
    Layout("Z-Image", lambda folder: None, base="z"),
    Layout("Z-Image without text encoder", edit(INDEX_FILE, text_encoder=[None, None]), "no text_encoder", base="z"),
    # Folders that are no pipeline
    Layout(
        "modular",
        both(remove(INDEX_FILE), write("modular_model_index.json", b'{"_class_name": "FluxModularPipeline"}')),
        r"modular pipeline \(FluxModularPipeline\).* plain FluxPipeline",
    ),
    Layout("not an object", write(INDEX_FILE, b"[]"), "must hold a JSON object"),
    Layout(
        "nothing",
        lambda folder: [shutil.rmtree(folder), folder.mkdir()],
        "is empty; download the model again",
    ),
    Layout(
        "one level too high",
        lambda folder: [
            folder.rename(folder.parent / "x"),
            folder.mkdir(),
            (folder.parent / "x").rename(folder / "inner"),
        ],
        "inner has: write that as source",
    ),
    Layout("one level too low", lambda folder: None, "UNet2DConditionModel alone.*is one", (("source", "model/unet"),)),
    Layout(
        "a file in a folder",
        both(remove(INDEX_FILE), write("all.safetensors")),
        r"write the file of weights as source: .*all\.s",
    ),
    Layout("a LoRA", both(remove(INDEX_FILE), write("pytorch_lora_weights.safetensors")), "holds a LoRA"),
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    save_pipeline(folder / "sd", DDIMScheduler(**SD1_SCHEDULER))
    save_sd3(folder / "sd3")
    save_flux(folder / "flux")
    save_flux(folder / "schnell", guidance_embeds=False)
    save_qwen_image(folder / "qwen")
    save_z_image(folder / "z")
    return folder


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_what_the_check_calls_ok_renders_and_the_rest_is_refused_by_name(
    layout: Layout, bases: Path, tmp_path: Path
) -> None:
    shutil.copytree(bases / layout.base, tmp_path / "model")
    layout.change(tmp_path / "model")
    config = ModelConfig.model_validate({"source": "model"} | dict(layout.config))
    toml = tmp_path / "models.toml"
    toml.write_text('[models.m]\nsource = "model"\n')  # of which the check reads the LoRAs
    report = check_model("m", config, toml, WorkerSettings(device="cpu"))
    assert not list(tmp_path.rglob("RAN"))
    if layout.message:
        assert re.search(layout.message, report.problem or "no problem"), report.problem
        return
    assert report.problem is None
    harness = EngineHarness([resolve_entry("m", config, toml)])
    harness.submit(spec(0, model="m", steps=2, scheduler=None, negative_prompt=""))
    harness.finish()
    harness.rendered("job/0")


def test_plain_float8_is_computed_in_the_workers_dtype(bases: Path, tmp_path: Path) -> None:
    """Stock's image of the same weights, upcast."""
    for name, dtype in (("float8", torch.float8_e4m3fn), ("upcast", torch.float32)):
        shutil.copytree(bases / "sd", tmp_path / name)
        rounded = weights(
            f"unet/{WEIGHTS}",
            lambda all, dtype=dtype: {name: each.to(torch.float8_e4m3fn).to(dtype) for name, each in all.items()},
        )
        rounded(tmp_path / name)
    images = [_stock(load_pipeline(entry(tmp_path / name), CPU, torch.float32)) for name in ("float8", "upcast")]
    images.append(_stock(StableDiffusionPipeline.from_pretrained(tmp_path / "upcast")))
    for image in images[1:]:
        np.testing.assert_array_equal(images[0], image)


@pytest.mark.parametrize("change", [lambda folder: None, remove("text_encoder_3", "tokenizer_3")])
def test_sd3_without_t5_is_stocks_without_t5(bases: Path, tmp_path: Path, change: Change) -> None:
    stock = StableDiffusion3Pipeline.from_pretrained(bases / "sd3", text_encoder_3=None, tokenizer_3=None)
    shutil.copytree(bases / "sd3", tmp_path / "model")
    change(tmp_path / "model")
    config = {"source": "model", "dtype": "float32"}
    without = resolve_entry("m", ModelConfig(**config, without=("text_encoder_3",)), tmp_path / "models.toml")
    assert without.without == ("text_encoder_3", "tokenizer_3")
    np.testing.assert_array_equal(_stock(load_pipeline(without, CPU, torch.float32)), _stock(stock))
    assert resolve_entry("m", ModelConfig(**config), tmp_path / "models.toml").revision != without.revision


def _stock(pipeline: Any) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    return pipeline("a", width=64, height=64, num_inference_steps=2, generator=generator, output_type="np").images[0]
