"""`models.toml`: valid files, and the errors of invalid ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from renderq_shared.catalog import ModelEntry, load_catalog
from renderq_shared.errors import CatalogInvalid


def pipeline(folder: Path, pipeline_class: str = "StableDiffusionPipeline", **unet: Any) -> Path:
    """Write the configuration files of a pipeline, without weights."""
    for part, configuration in {
        "unet": {"in_channels": 4, "sample_size": 64, **unet},
        "vae": {"latent_channels": 4, "block_out_channels": [1, 1, 1, 1]},
        "text_encoder": {"num_hidden_layers": 3},
    }.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "config.json").write_text(json.dumps(configuration))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline_class}))
    return folder


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    pipeline(tmp_path / "folder")
    return tmp_path / "models.toml"


def load(toml: Path, text: str, cache: Path | None = None) -> tuple[ModelEntry, ...]:
    toml.write_text(text)
    return load_catalog(toml, cache).models


def refused(toml: Path, text: str) -> str:
    with pytest.raises(CatalogInvalid) as caught:
        load(toml, text, toml.parent / "hub")
    assert str(caught.value).startswith(f"{toml}: ")
    return str(caught.value).removeprefix(f"{toml}: ")


def test_without_a_file_there_is_the_built_in_model() -> None:
    [entry] = load_catalog(None).models
    assert (entry.name, entry.family, entry.defaults.steps, entry.layout) == ("shapes", "stable_diffusion", 20, None)


def test_what_an_entry_leaves_out_comes_from_the_models_files(toml: Path) -> None:
    [entry] = load(toml, '[models.a]\nsource = "folder"')
    assert (entry.family, entry.source) == ("stable_diffusion", str(toml.parent / "folder"))
    assert "txt2img" in entry.tasks
    defaults = entry.defaults
    assert (defaults.width, defaults.height, defaults.steps, defaults.guidance_scale) == (512, 512, 25, 7.5)
    assert (entry.limits.max_side, entry.limits.max_pixels) == (1024, 1024**2)


def test_what_an_entry_says_wins(toml: Path) -> None:
    fields = 'defaults = { steps = 4, scheduler = "lcm" }\nmax_side = 640\nlicense = "mine"\ndtype = "bfloat16"'
    text = f'default = "b"\n[models.a]\nsource = "folder"\n[models.b]\nsource = "folder"\n{fields}'
    first, second = load(toml, f'{text}\nwatermark = "made by us"')
    assert (first.name, first.defaults.steps, first.defaults.scheduler) == ("b", 4, "lcm")
    assert (first.limits.max_side, first.license, first.dtype, second.name) == (640, "mine", "bfloat16", "a")
    assert (first.watermark, second.watermark) == ("made by us", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 3", "models: Input should be a valid dictionary"),
        ("[models.a", "not TOML: "),
        ("[models.a]", "models.a.source: Field required"),
        ('[models.a]\nsource = "folder"\nsteps = 3', "models.a.steps: Unknown key. Known keys: source, "),
        ('[models.a]\nsource = "folder"\ndefaults = { stepz = 3 }', "models.a.defaults.stepz: Unknown key. Known"),
        ('[models.a]\nsource = "folder"\ndefaults = { scheduler = "dpm3" }', "models.a.defaults.scheduler: Input"),
        (
            '[models.a]\nsource = "folder"\nwatermark = "©"',
            "models.a.watermark: must have 4 to 32 characters",
        ),
        ('default = "b"\n[models.a]\nsource = "folder"', "default = 'b' is not a model of the file, which has a"),
        ('[models."a b"]\nsource = "folder"', "model 'a b': name: String should match"),
        (
            '[models.a]\nsource = "folder"\ndefaults = { clip_skip = 4 }',
            "model 'a': defaults.clip_skip = 4 exceeds the model's maximum of 3",
        ),
        (
            '[models.a]\nsource = "folder"\ndefaults = { scheduler = "lcm", steps = 51 }',
            "model 'a': defaults.steps = 51, but lcm needs 1 to 50; set other defaults",
        ),
        (
            '[models.a]\nsource = "folder"\ndefaults = { guidance_rescale = 1.5 }',
            "models.a.defaults.guidance_rescale: Input should be less than or equal to 1",
        ),
        ('[models.a]\nsource = "gone"', "/gone does not exist; source is a folder, a file, or hub:OWNER/NAME"),
        ('[models.a]\nsource = "models.toml"', "models.toml is neither a folder nor a file of weights (.safetensors, "),
        ('[models.a]\nsource = "folder/unet"', "model_index.json cannot be read (No such file or directory)"),
        ('[models.a]\nsource = "folder"\nlayout = "sd1"', "layout belongs to a single file"),
        ('[models.a]\nsource = "folder"\nrevision = "main"', "revision belongs to a source on the hub"),
        ('[models.a]\nsource = "hub:name"', "source 'hub:name' must be hub:OWNER/NAME or hub:OWNER/NAME/FILE"),
        ('[models.a]\nsource = "hub:own/../x"', "must be hub:OWNER/NAME or hub:OWNER/NAME/FILE"),
        (
            '[models.a]\nsource = "hub:own/er"',
            "own/er (revision main) is not in the hub's cache",
        ),
    ],
)
def test_errors_name_the_file_the_entry_and_what_to_do(toml: Path, text: str, message: str) -> None:
    assert message in refused(toml, text)


def test_a_pipeline_of_a_kind_that_is_not_known(toml: Path) -> None:
    pipeline(toml.parent / "folder", "ShapEPipeline")
    assert "a ShapEPipeline is not supported; supported are AuraFlow" in refused(toml, '[models.a]\nsource = "folder"')
    pipeline(toml.parent / "folder", in_channels=8)
    assert "the UNet takes 8 channels where latents have 4" in refused(toml, '[models.a]\nsource = "folder"')


def test_a_kind_of_sdxl_that_there_is_no_task_for(toml: Path) -> None:
    folder = pipeline(toml.parent / "folder", "StableDiffusionXLPipeline", in_channels=5)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline", "text_encoder": ["x", "y"]}')
    assert "is a depth model of family sdxl, which renderq has no task for" in refused(
        toml, '[models.a]\nsource = "folder"'
    )


def test_a_generic_pipeline_takes_no_scheduler_and_no_more(toml: Path) -> None:
    pipeline(toml.parent / "folder", "StableDiffusion3Pipeline")
    [entry] = load(toml, '[models.a]\nsource = "folder"')
    assert (entry.schedulers, entry.limits.max_clip_skip, entry.limits.max_guidance_rescale) == ((), 0, 0)
    for fields, message in (
        ('scheduler = "ddim"', "it runs with its own scheduler only; omit defaults.scheduler"),
        ("height = 72", "defaults.height = 72 is not a multiple of 16"),
    ):
        assert message in refused(toml, f'[models.a]\nsource = "folder"\ndefaults = {{ {fields} }}')


def test_what_the_configuration_says_of_fields_that_not_every_model_supports(toml: Path) -> None:
    folder = pipeline(toml.parent / "folder", "StableDiffusionDepth2ImgPipeline", in_channels=5, time_cond_proj_dim=8)
    index = {"_class_name": "StableDiffusionDepth2ImgPipeline", "depth_estimator": ["transformers", "DPT"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    [entry] = load(toml, '[models.a]\nsource = "folder"')
    assert (entry.has_depth_estimator, entry.supports_negative_prompt) == (True, False)
    assert (entry.limits.max_clip_skip, entry.limits.max_guidance_rescale) == (3, 0)
    (folder / "text_encoder" / "config.json").write_text("{}")  # as written where it is transformers' default
    assert load(toml, '[models.a]\nsource = "folder"')[0].limits.max_clip_skip == 12


def test_a_refiner_is_no_model_by_itself(toml: Path) -> None:
    pipeline(toml.parent / "folder", "StableDiffusionXLImg2ImgPipeline")
    assert "a refiner makes no images by itself" in refused(toml, '[models.a]\nsource = "folder"')


def test_damaged_configurations(toml: Path) -> None:
    index = toml.parent / "folder" / "model_index.json"
    for text, message in (("{", "model_index.json is not JSON"), ("[]", "must hold a JSON object")):
        index.write_text(text)
        assert message in refused(toml, '[models.a]\nsource = "folder"')


def test_the_hubs_cache_by_branch_and_by_commit(toml: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    repository = cache / "models--own--er"
    snapshot = pipeline(repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    for revision in ("", 'revision = "abc123"'):
        [entry] = load(toml, f'[models.a]\nsource = "hub:own/er"\n{revision}', cache)
        assert entry.source == str(snapshot)
    assert "own/er (revision main) has no x.safetensors in the hub's cache" in refused(
        toml, '[models.a]\nsource = "hub:own/er/x.safetensors"'
    )
    assert "`renderq models pull` downloads it" in refused(toml, '[models.a]\nsource = "hub:own/er"\nrevision = "v2"')


def test_the_hubs_cache_is_where_its_own_tools_keep_it(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value, place in (
        ("XDG_CACHE_HOME", tmp_path / "x", tmp_path / "x" / "huggingface" / "hub"),
        ("HF_HOME", tmp_path / "h", tmp_path / "h" / "hub"),
        ("HF_HUB_CACHE", tmp_path / "c", tmp_path / "c"),
    ):
        monkeypatch.setenv(variable, str(value))
        with pytest.raises(CatalogInvalid, match=f"in the hub's cache {place};"):
            load(toml, '[models.a]\nsource = "hub:own/er"')


def test_the_revision_distinguishes_weights_wherever_they_differ(toml: Path) -> None:
    weights = toml.parent / "folder" / "unet" / "diffusion_pytorch_model.safetensors"

    def revision() -> str:
        return load(toml, '[models.a]\nsource = "folder"')[0].revision

    weights.write_bytes(bytes(8 << 20))
    before = revision()
    assert revision() == before
    content = bytearray(8 << 20)
    content[4 << 20 : 5 << 20] = b"\1" * (1 << 20)
    weights.write_bytes(content)
    assert revision() != before
