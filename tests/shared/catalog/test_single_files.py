"""Detection of an original key layout from the names and shapes of tensors."""

import json
import os
import shutil
from pathlib import Path

import pytest

from renderq.contract import SCHEDULERS, TASKS
from renderq_shared.catalog import ModelEntry, load_catalog
from renderq_shared.catalog.layouts import detect_layout, layout_folder, layout_names
from renderq_shared.checkpoints import read_weight_file
from renderq_shared.errors import CatalogInvalid
from tests.shared.checkpoints.checkpoint_files import PUBLISHED, original, safetensors

UNET = "model.diffusion_model.input_blocks.0.0.weight"


def load(tmp_path: Path, layout: str = "") -> ModelEntry:
    toml = tmp_path / "models.toml"
    toml.write_text(f'[models.a]\nsource = "a.safetensors"\n{layout}')
    return load_catalog(toml).models[0]


def refused(tmp_path: Path, layout: str = "") -> str:
    with pytest.raises(CatalogInvalid) as caught:
        load(tmp_path, layout)
    assert str(caught.value).startswith(f"{tmp_path / 'models.toml'}: model 'a': ")
    return str(caught.value)


def test_sdxl_is_a_family_of_its_own(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sdxl"))
    entry = load(tmp_path)
    assert (entry.family, entry.defaults.width, entry.defaults.guidance_scale) == ("sdxl", 1024, 5.0)
    assert "txt2img" in entry.tasks


@pytest.mark.parametrize("layout", [name for name in PUBLISHED if name != "sd2"])
def test_published_layouts_are_recognized(tmp_path: Path, layout: str) -> None:
    path = safetensors(tmp_path / "a.safetensors", original(layout))
    assert detect_layout(read_weight_file(path)) == layout_folder(layout)


def test_a_file_is_described_by_its_layout(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sd1"))
    entry = load(tmp_path)
    assert (entry.source, entry.layout) == (str(tmp_path / "a.safetensors"), str(layout_folder("sd1")))
    assert (entry.family, entry.defaults.width, entry.config_folder) == ("stable_diffusion", 512, layout_folder("sd1"))
    assert "txt2img" in entry.tasks
    assert set(entry.tasks) <= set(TASKS)


@pytest.mark.parametrize(
    ("layout", "tasks", "clip_skip", "noise_level", "max_side"),
    [
        ("sd1", {"txt2img", "img2img", "inpaint", "outpaint", "variation"}, 12, None, 1024),
        ("sd1-inpaint", {"inpaint", "outpaint"}, 12, None, 1024),
        ("sd2-depth", {"depth2img"}, 23, None, 1024),
        ("x4-upscaler", {"upscale"}, 23, 350, 4096),
        ("sdxl-inpaint", {"inpaint", "outpaint"}, 11, None, 2048),
        ("sdxl", {"txt2img", "img2img", "inpaint", "outpaint", "variation"}, 11, None, 2048),
    ],
)
def test_what_each_kind_can_do(
    tmp_path: Path, layout: str, tasks: set[str], clip_skip: int, noise_level: int | None, max_side: int
) -> None:
    safetensors(tmp_path / "a.safetensors", original(layout))
    entry = load(tmp_path)
    assert (set(entry.tasks), entry.schedulers, entry.has_depth_estimator) == (tasks, SCHEDULERS, False)
    limits = entry.limits
    assert (limits.max_clip_skip, limits.max_noise_level, limits.max_side) == (clip_skip, noise_level, max_side)
    assert (limits.max_guidance_rescale, limits.size_multiple) == (1, 4 if tasks == {"upscale"} else 8)


def test_what_the_weights_do_not_reveal_must_be_configured(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sd2"))
    assert "its weights match sd2 and sd2-v; write layout = one of them" in refused(tmp_path)
    assert load(tmp_path, 'layout = "sd2"').defaults.width == 512
    assert load(tmp_path, 'layout = "sd2-v"').defaults.width == 768
    assert load(tmp_path, 'layout = "sd2"').revision != load(tmp_path, 'layout = "sd2-v"').revision
    known = ", ".join(layout_names())
    assert f"layout 'sd3' is unknown; the shipped ones are {known}; or give your own folder" in refused(
        tmp_path, 'layout = "sd3"'
    )


@pytest.mark.parametrize(
    ("layout", "marks", "metadata", "expected"),
    [
        ("sdxl", ("v_pred",), {}, "sdxl-v"),
        ("sdxl", ("v_pred", "ztsnr"), {}, "sdxl-v-ztsnr"),
        ("sdxl", (), {"modelspec.prediction_type": "v"}, "sdxl-v"),
        ("sdxl", ("ztsnr",), {"modelspec.prediction_type": "v"}, "sdxl-v-ztsnr"),
        ("sdxl", (), {"modelspec.prediction_type": "epsilon"}, "sdxl"),
        ("sdxl", (), {"modelspec.prediction_type": "unheard of"}, "sdxl"),
        ("sd1", ("v_pred",), {}, "sd1-v"),
        ("sd1", ("v_pred", "ztsnr"), {}, "sd1-v-ztsnr"),
        ("sd2", (), {"modelspec.prediction_type": "v"}, "sd2-v"),
        ("sd2", (), {"modelspec.prediction_type": "epsilon"}, "sd2"),
    ],
)
def test_files_that_state_what_they_predict(
    tmp_path: Path, layout: str, marks: tuple[str, ...], metadata: dict[str, str], expected: str
) -> None:
    tensors = original(layout) | dict.fromkeys(marks, (0,))
    safetensors(tmp_path / "a.safetensors", tensors, metadata=metadata)
    assert load(tmp_path).layout == str(layout_folder(expected))


@pytest.mark.parametrize(
    ("layout", "changes", "message"),
    [
        (
            "sd1-inpaint",
            {"v_pred": (0,)},
            "the file says that it predicts v_prediction, which sd1-inpaint does not; write l",
        ),
        ("sdxl", {"edm_mean": (4,), "edm_std": (4,)}, "it is an EDM model (Playground 2.5, CosXL), which"),
        ("sdxl", {"edm_vpred.sigma_max": (1,)}, "it is an EDM model"),
        ("sdxl", {"scaled_fp8": (2,)}, "its weights are quantized (scaled fp8), which renderq does not load"),
        ("sd1", {UNET: (320, 8, 3, 3)}, "the file holds InstructPix2Pix, which renderq has no task for"),
    ],
)
def test_files_that_would_be_sampled_as_noise(
    tmp_path: Path, layout: str, changes: dict[str, tuple[int, ...]], message: str
) -> None:
    safetensors(tmp_path / "a.safetensors", original(layout) | changes)
    assert message in refused(tmp_path)


@pytest.mark.parametrize(
    "source", ["loop", "~nobody-of-this-name/a", "a\\u0000b", "x" * 300, "/proc/self/mem", "folder.ckpt"]
)
def test_sources_that_no_file_system_can_read(tmp_path: Path, source: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder.ckpt").mkdir()
    (tmp_path / "models.toml").write_text(f'[models.a]\nsource = "{source}"\n')
    with pytest.raises(CatalogInvalid) as caught:
        load_catalog(tmp_path / "models.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'models.toml'}: model 'a': ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_link_into_the_cache_of_the_hub(tmp_path: Path) -> None:
    """The cache's own links point to files without a suffix."""
    safetensors(tmp_path / "0123abcd", original("sd1"))
    (tmp_path / "a.safetensors").symlink_to("0123abcd")
    assert load(tmp_path).layout == str(layout_folder("sd1"))


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.safetensors")
    safetensors(tmp_path / odd, original("sd1"))
    (tmp_path / "a.safetensors").symlink_to(odd)
    assert load(tmp_path).source == str(tmp_path / "a.safetensors")
    shutil.copytree(layout_folder("sd1"), tmp_path / "folder")
    (tmp_path / "folder" / os.fsdecode(b"caf\xe9.txt")).touch()
    (tmp_path / "models.toml").write_text('[models.a]\nsource = "folder"\n')
    assert load_catalog(tmp_path / "models.toml").models[0].revision


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sd1") | {UNET: (320, 4, 3, 3)})
    (tmp_path / "own").symlink_to(layout_folder("sd2-v"))
    assert load(tmp_path, 'layout = "own"').defaults.width == 768


def test_no_file_holds_a_depth_estimator_even_if_its_layout_has_one(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sd2-depth"))
    shutil.copytree(layout_folder("sd2-depth"), tmp_path / "own")
    index = tmp_path / "own" / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "depth_estimator": ["transformers", "DPT"]}))
    assert not load(tmp_path, 'layout = "own"').has_depth_estimator


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"unet.conv_in.weight": (320, 4, 3, 3)}, "it is not a pipeline in the original Stable Diffusion layout"),
        ({UNET: (320, 4, 3, 3)}, "the file holds a UNet alone: it is a part of a model; set source to the whole model"),
        (
            {UNET: (320, 4, 3, 3), "cond_stage_model.x": (1,)},
            "has no autoencoder (first_stage_model.…); take the complete model",
        ),
        (original("sd1") | {UNET: ()}, "input_blocks.0.0.weight has the shape (); it must have 4 dimensions"),
        (
            {UNET: (320, 4, 3, 3), "first_stage_model.x": (1,)},
            "has no text encoder (cond_stage_model. or condi",
        ),
        (
            original("sdxl") | {UNET: (320, 7, 3, 3)},
            "no known layout has a UNet of 7 input channels with a text encoder 2048 wide",
        ),
    ],
)
def test_what_is_not_a_whole_pipeline(tmp_path: Path, tensors: dict[str, tuple[int, ...]], message: str) -> None:
    safetensors(tmp_path / "a.safetensors", tensors)
    assert message in refused(tmp_path)


def test_a_damaged_file(tmp_path: Path) -> None:
    safetensors(tmp_path / "a.safetensors", original("sd1"), missing_bytes=5)
    assert "download it again" in refused(tmp_path)
