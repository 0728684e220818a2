"""Single files in the original key layouts: every weight is mapped correctly, so images are the stock ones."""

import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers

from renderq.contract import SCHEDULERS, ModelDefaults, ModelLimits
from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.layouts import layout_folder, layout_names
from renderq_shared.catalog.pipeline_config import family_of
from renderq_shared.checkpoints import WeightFile
from renderq_worker.models import ModelLoadFailed, parameter_counts
from renderq_worker.models.clip import clip_tokenizer
from renderq_worker.models.loading import check_loadable, load_pipeline
from tests.worker.engine.engine_harness import render_alone, spec
from tests.worker.engine.reference_pipeline import reference_pixels_of
from tests.worker.models.original_layout import original_tensors, save_original, save_tensors
from tests.worker.models.scaled_layouts import small_layout, small_pipeline

CPU = torch.device("cpu")

PICKLED = {"sd1", "sd2-v"}
"""Layouts tested as `.ckpt`; the others are tested as `.safetensors`."""


def entry(source: Path, layout: Path) -> ModelEntry:
    pipeline_class = json.loads((layout / "model_index.json").read_text())["_class_name"]
    return ModelEntry(
        name="file",
        source=str(source),
        layout=str(layout),
        family=family_of(pipeline_class),
        tasks=("txt2img",),
        revision=source.name,
        dtype="float32",
        defaults=ModelDefaults(width=64, height=64, steps=4, guidance_scale=7.5),
        limits=ModelLimits(max_side=64, max_pixels=64 * 64),
    )


def weights(pipeline: Any) -> dict[str, torch.Tensor]:
    parts = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    return {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}


@pytest.mark.parametrize("name", layout_names())
def test_every_weight_arrives_where_it_belongs(tmp_path: Path, name: str) -> None:
    layout = small_layout(name, tmp_path / name)
    made = small_pipeline(layout)
    path = tmp_path / f"file{'.ckpt' if name in PICKLED else '.safetensors'}"
    save_original(made, path)
    loaded = load_pipeline(entry(path, layout), CPU, torch.float32)
    assert type(loaded) is type(made)
    assert loaded.scheduler.config == made.scheduler.config
    expected, actual = weights(made), weights(loaded)
    assert expected.keys() == actual.keys()
    assert [key for key, tensor in expected.items() if not torch.equal(tensor, actual[key])] == []
    assert not any(part.training for part in loaded.components.values() if isinstance(part, torch.nn.Module))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "suffix"),
    [("sd1", ".safetensors"), ("sd2-v", ".ckpt"), ("sd1-v-ztsnr", ".safetensors"), ("sdxl-v-ztsnr", ".ckpt")],
)
def test_a_file_gives_the_image_of_its_pipeline(tmp_path: Path, name: str, suffix: str) -> None:
    layout = small_layout(name, tmp_path / name)
    made = small_pipeline(layout)
    save_original(made, tmp_path / f"file{suffix}")
    request = spec(model="file", prompt="a lighthouse, 猫", scheduler=None, steps=3)
    np.testing.assert_array_equal(
        render_alone(entry(tmp_path / f"file{suffix}", layout), request), reference_pixels_of(made, request)
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning")
@pytest.mark.parametrize("name", ["sd1-v-ztsnr", "sdxl-v-ztsnr"])
def test_zero_terminal_snr_with_every_scheduler(tmp_path: Path, name: str) -> None:
    """The first step of the model's own scheduler is the last training step, pure noise."""
    layout = small_layout(name, tmp_path / name)
    save_original(small_pipeline(layout), tmp_path / "file.safetensors")
    model = entry(tmp_path / "file.safetensors", layout)
    scheduler = load_pipeline(model, CPU, torch.float32).scheduler
    scheduler.set_timesteps(4)
    assert (scheduler.timesteps[0], scheduler.config.prediction_type) == (999, "v_prediction")
    for scheduler_name in (None, *SCHEDULERS):
        pixels = render_alone(model, spec(model="file", prompt="a cat", scheduler=scheduler_name, steps=2))
        assert pixels.std() > 0, scheduler_name


def test_weights_are_counted_without_loading_them(tmp_path: Path) -> None:
    layout = small_layout("sd2", tmp_path / "sd2")
    made = small_pipeline(layout)
    save_original(made, tmp_path / "file.safetensors")
    counts = parameter_counts(entry(tmp_path / "file.safetensors", layout))
    assert counts["unet"] == sum(weight.numel() for weight in made.unet.parameters())
    assert set(counts) == {"unet", "vae", "text_encoder"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A layout, and the tensors of a file with it."""
    layout = small_layout("sd1", tmp_path_factory.mktemp("layouts") / "sd1")
    return layout, original_tensors(small_pipeline(layout))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model.diffusion_model.out.2.weight": None},
            "its unet lacks 1 of 684 weights, such as conv_out.weight; the f",
        ),
        (
            {"model.diffusion_model.out.2.weight": torch.zeros(4, 4, 3, 3)},
            "its unet has conv_out.weight of shape (4, 4, 3, 3), and the layout expects (4, 8, 3, 3)",
        ),
        (
            {"model.diffusion_model.out.2.weight": torch.zeros(4, 8, 3, 3, dtype=torch.int8)},
            "its unet has conv_out.weight in torch.int8: quantized weights are not loaded",
        ),
        ({"model.diffusion_model.input_blocks.3.0.op.bias": None}, "its unet lacks "),
        ({"cond_stage_model.transformer.text_model.final_layer_norm.bias": None}, "its text_encoder lacks 1 of 36 w"),
        ({"first_stage_model.quant_conv.bias": None}, "its vae lacks 1 of 244 weights, such as quant_conv.bias"),
    ],
)
def test_files_that_are_incomplete_or_of_another_layout(
    tmp_path: Path, small: tuple[Path, dict[str, torch.Tensor]], changes: dict[str, Any], message: str
) -> None:
    layout, tensors = small
    changed = {name: tensor for name, tensor in (tensors | changes).items() if tensor is not None}
    save_tensors(changed, tmp_path / "file.safetensors")
    broken = entry(tmp_path / "file.safetensors", layout)
    with pytest.raises(ModelLoadFailed) as caught:
        load_pipeline(broken, CPU, torch.float32)
    assert str(caught.value).startswith("model 'file': it cannot be loaded from ")
    assert message in str(caught.value)
    with pytest.raises(ModelLoadFailed) as checked:
        check_loadable(broken)
    assert str(checked.value) == str(caught.value)


class Exploit:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_hostile_checkpoint_is_refused_and_runs_nothing(
    tmp_path: Path, small: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    layout, tensors = small
    path, owned = tmp_path / "file.ckpt", tmp_path / "owned"
    torch.save({"state_dict": {**tensors, "extra": Exploit(owned)}}, path)
    with pytest.raises(ModelLoadFailed, match="would run code, so it is refused"):
        load_pipeline(entry(path, layout), CPU, torch.float32)
    assert not owned.exists()
    torch.load(path, weights_only=False)  # proves that the exploit works
    assert owned.exists()


def test_torch_refuses_it_too_should_it_get_that_far(
    tmp_path: Path, small: tuple[Path, dict[str, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, tensors = small
    path, owned = tmp_path / "file.ckpt", tmp_path / "owned"
    torch.save({"state_dict": {**tensors, "extra": Exploit(owned)}}, path)
    monkeypatch.setattr("renderq_worker.models.single_file.read_weight_file", lambda _: WeightFile("archive", {}))
    with pytest.raises(ModelLoadFailed, match=r"cannot be loaded from .*: Weights only load failed"):
        load_pipeline(entry(path, layout), CPU, torch.float32)
    assert not owned.exists()


def test_tokens_are_those_of_clip() -> None:
    first, second = (clip_tokenizer(layout_folder(name) / "tokenizer") for name in ("sd1", "sd2"))
    assert (len(first), first.model_max_length) == (49_408, 77)
    assert first("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert first("A Photo, of 3 cats' — café 猫 😀 it's").input_ids == [
        *(49406, 320, 1125, 267, 539, 274, 3989, 262, 2005, 15304, 163, 234, 360, 7334, 585, 568, 49407)
    ]
    assert first("cat", padding="max_length").input_ids[-1] == 49407
    assert second("cat", padding="max_length").input_ids[-1] == 0


PUBLISHED = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd1-inpaint": {"unet": 859_535_364, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sd2-v": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sd2-inpaint": {"unet": 865_925_124, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sd2-depth": {"unet": 865_913_604, "vae": 83_653_863, "text_encoder": 340_387_840},
    "x4-upscaler": {"unet": 473_398_020, "vae": 55_325_927, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
    "sdxl-inpaint": {
        "unet": 2_567_478_084,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}
"""Parameter counts of the published models."""


@pytest.mark.parametrize("name", layout_names())
def test_the_layouts_describe_the_published_models(name: str) -> None:
    folder = layout_folder(name)
    index = json.loads((folder / "model_index.json").read_text())
    counts = dict[str, int]()
    published = PUBLISHED[name.removesuffix("-ztsnr").removesuffix("-v")] if name not in PUBLISHED else PUBLISHED[name]
    for component in published:
        library, class_name = index[component]
        part_class = getattr(diffusers if library == "diffusers" else transformers, class_name)
        with torch.device("meta"):
            if library == "diffusers":
                part = part_class.from_config(part_class.load_config(folder / component))
            else:
                part = part_class(part_class.config_class.from_pretrained(folder / component))
        counts[component] = sum(weight.numel() for weight in part.parameters())
    assert counts == published
