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
    [lora] = entry.loras
    assert (lora.name, lora.weight) == ("ink", 0.8)


def test_what_an_entry_leaves_out_comes_from_the_models_files(toml: Path) -> None:
    [entry] = load(toml, '[models.a]\nsource = "folder"')
    assert (entry.family, entry.source) == ("stable_diffusion", str(toml.parent / "folder"))
    assert "txt2img" in entry.tasks
    defaults = entry.defaults
    assert (defaults.width, defaults.height, defaults.steps, defaults.guidance_scale) == (512, 512, 25, 7.5)
    assert (entry.limits.max_side, entry.limits.max_pixels) == (1024, 1024**2)


@pytest.mark.parametrize(("blocks", "side", "multiple"), [(3, 256, 8), (4, 512, 8), (5, 1024, 16), (6, 2048, 32)])
def test_sizes_are_multiples_of_the_autoencoders_factor(toml: Path, blocks: int, side: int, multiple: int) -> None:
    config = {"latent_channels": 4, "block_out_channels": [1] * blocks}
    (toml.parent / "folder" / "vae" / "config.json").write_text(json.dumps(config))
    [entry] = load(toml, '[models.a]\nsource = "folder"')
    assert (entry.defaults.width, entry.limits.size_multiple) == (side, multiple)


def test_default_sizes_are_multiples_of_the_autoencoders_factor(toml: Path) -> None:
    config = {"latent_channels": 4, "block_out_channels": [1] * 6}
    (toml.parent / "folder" / "vae" / "config.json").write_text(json.dumps(config))
    text = '[models.a]\nsource = "folder"\ndefaults = { width = 72 }'
    assert "defaults.width = 72 is not a multiple of 32" in refused(toml, text)


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
        ("models = 3", "models must be a table (got 3)"),
        ("[models.a", "not TOML: "),
        ("[models.a]", "model 'a': source is missing; it is a folder, a file, or hub:OWNER/NAME"),
        ('[models.a]\nsource = "folder"\nsteps = 3', "model 'a': steps belongs into defaults; write defaults.steps"),
        (
            '[models.a]\nsource = "folder"\ndefaults = { stepz = 3 }',
            "model 'a': unknown key 'defaults.stepz'; did you mean defaults.steps? Known",
        ),
        ('[models.a]\nsource = "folder"\ndefaults = { scheduler = "dpm3" }', "defaults.scheduler must be ddim, "),
        (
            '[models.a]\nsource = "folder"\nwatermark = "©"',
            "model 'a': watermark must have 4 to 32 characters",
        ),
        ('default = "b"\n[models.a]\nsource = "folder"', "default = 'b' is not a model of the file, which has a"),
        ('[models."a b"]\nsource = "folder"', "model 'a b': the name must have 1 to 100 letters"),
        (
            '[models.a]\nsource = "folder"\ndefaults = { clip_skip = 4 }',
            "model 'a': defaults.clip_skip = 4 exceeds the model's maximum of 3",
        ),
        (
            '[models.a]\nsource = "folder"\ndefaults = { scheduler = "lcm", steps = 51 }',
            "model 'a': defaults.steps = 51, but lcm needs 1 to 50; set other defaults",
        ),
        (
            '[models.a]\nsource = "folder"\ndefaults = { scheduler = "ddim", schedule = "beta" }',
            "model 'a': defaults.schedule: the scheduler ddim has trailing, not beta",
        ),
        (
            '[models.a]\nsource = "folder"\ndefaults = { guidance_rescale = 1.5 }',
            "model 'a': defaults.guidance_rescale must be a number from 0 to 1 (got 1.5)",
        ),
        ("", "there is no model; write a table [models.NAME] with a source"),
        ("[models]", "there is no model; write a table [models.NAME] with a source"),
        ('[model.a]\nsource = "folder"', "unknown key 'model'; did you mean models?"),
        ("[models]\na = 3", "model 'a' must be a table, [models.NAME] with a source (got 3)"),
        ('[models.a]\nsource = "folder"\nmax_side = true', "max_side must be a whole number of at least 8 (got True)"),
        ('[models.a]\nsource = "folder"\nwithout = "t5"', "model 'a': without must be a list of texts (got 't5')"),
        ('[models.a]\nsource = "folder"\ndefaults = 3', "model 'a': defaults must be a table (got 3)"),
        ('[models.a]\nsource = "folder"\ndtype = "fp16"', "dtype must be auto, float32, bfloat16 or float16 (got"),
        ('[models.a]\nsource = "C:\\models"', "; write a path with backslashes in single quotes"),
        (f"a = {'[' * 5000}", "not TOML: "),
        (f"a = {'1' * 5000}", "not TOML: "),
        (
            '[models.a]\nsource = "folder"\nmax_side = 256\ndefaults = { width = 512 }',
            "model 'a': defaults.width = 512 exceeds max_side, which is 256; set a larger max_side",
        ),
        ('[models.a]\nsource = "gone"', "/gone does not exist; source is a folder, a file, or hub:OWNER/NAME"),
        ('[models.a]\nsource = "models.toml"', "models.toml is not a weight file; supported are .safetensors, "),
        (
            '[models.a]\nsource = "folder/unet"',
            "holds a component alone, without model_index.json; source must be the folder of a whole pipeline; ",
        ),
        ('[models.a]\nsource = " "', "source is empty; it is a folder, a file, or hub:OWNER/NAME"),
        ('[models.a]\nsource = "own/er"', "own/er does not exist; source is a folder, a file, or hub:OWNER/NAME; from"),
        ('[models.a]\nsource = "own/er"', "from the hub, it is hub:own/er"),
        ('[models.a]\nsource = "https://hub/own/er"', "'https://hub/own/er' is an address; write hub:OWNER/NAME, or"),
        ('[models.a]\nsource = "hub:own/er@v2"', "a branch, tag or commit is the key revision"),
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


def test_all_errors_are_reported_at_once_one_line_each(toml: Path) -> None:
    text = """
        defualt = "a"
        [models.a]
        sorce = "folder"
        defaults = { steps = true, width = 13 }
        [models.b]
        source = "gone"
        [models.c]
        source = "folder"
        defaults = { clip_skip = 4, height = 4096 }
    """
    lines = [
        line.removeprefix(f"{toml}: ").partition(" (")[0].partition("?")[0] for line in refused(toml, text).splitlines()
    ]
    assert sorted(lines) == [
        "model 'a': defaults.steps must be a whole number from 1 to 150",
        "model 'a': defaults.width must be a whole number of at least 8, a multiple of 8",
        "model 'a': source is missing; it is a folder, a file, or hub:OWNER/NAME",
        "model 'a': unknown key 'sorce'; did you mean source",
        f"model 'b': {toml.parent}/gone does not exist; source is a folder, a file, or hub:OWNER/NAME",
        "model 'c': defaults.clip_skip = 4 exceeds the model's maximum of 3",
        "model 'c': defaults.height = 4096 exceeds max_side, which is 1024; set a larger max_side",
        "unknown key 'defualt'; did you mean default",
    ]


def test_a_smaller_max_side_limits_the_size_of_requests_that_omit_it(toml: Path) -> None:
    [entry] = load(toml, '[models.a]\nsource = "folder"\nmax_side = 300')
    assert (entry.defaults.width, entry.defaults.height) == (296, 296)


def test_files_as_editors_of_windows_write_them(toml: Path) -> None:
    text = '[models.a]\r\nsource = "folder"\r\n'
    toml.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_catalog(toml).models[0].name == "a"
    toml.write_bytes(text.encode("utf-16"))
    with pytest.raises(CatalogInvalid, match="it must be UTF-8 text; save it as such"):
        load_catalog(toml)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/dev/zero", "is not a file"), (".", "cannot be read: Is a directory"), ("gone", "cannot be read: No such file")],
)
def test_what_is_no_file_is_not_read(path: str, message: str) -> None:
    with pytest.raises(CatalogInvalid, match=f"{message}.*; set RENDERQ_MODELS to a models.toml"):
        load_catalog(Path(path))


def test_no_more_is_read_than_a_catalog_has(toml: Path) -> None:
    with toml.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(CatalogInvalid, match="has more than 10,000,000 bytes"):
        load_catalog(toml)


def test_a_pipeline_of_a_kind_that_is_not_known(toml: Path) -> None:
    pipeline(toml.parent / "folder", "ShapEPipeline")
    advice = "a ShapEPipeline is not supported; it makes three-dimensional shapes"
    assert advice in refused(toml, '[models.a]\nsource = "folder"')


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("FluxImg2Img", 'write "_class_name": "FluxPipeline" in its model_index.json'),
        ("StableDiffusionXLControlNet", 'write "_class_name": "StableDiffusionXLPipeline"'),
        ("StableDiffusionPAG", 'write "_class_name": "StableDiffusionPipeline"'),
        ("LatentConsistencyModel", 'write "_class_name": "StableDiffusionPipeline"'),
        ("FluxFill", "nearest that is served is FluxPipeline"),
        ("Flux2", "nearest that is served is Flux2KleinPipeline"),
        ("QwenImageEditPlus", "nearest that is served is QwenImagePipeline"),
        ("StableDiffusionXLInstructPix2Pix", "nearest that is served is StableDiffusionXLPipeline"),
        ("SanaSprint", "nearest that is served is SanaPipeline"),
        ("StableCascadeCombined", "nearest that is served is StableDiffusionXLPipeline"),
        ("Wan", "it makes videos"),
        ("StableVideoDiffusion", "it makes videos"),
        ("AudioLDM2", "it makes sound"),
        ("DDPM", "served are AuraFlowPipeline, "),
    ],
)
def test_a_pipeline_that_is_not_served_names_the_nearest_that_is(toml: Path, name: str, advice: str) -> None:
    pipeline(toml.parent / "folder", f"{name}Pipeline")
    message = refused(toml, '[models.a]\nsource = "folder"')
    assert f"a {name}Pipeline is not supported; " in message
    assert advice in message
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


def generic(folder: Path, pipeline_class: str, transformer: dict[str, Any], **scheduler: Any) -> Path:
    """Write the configuration files of a generic pipeline, without weights."""
    for path, configuration in {
        "model_index.json": {"_class_name": pipeline_class},
        "transformer/config.json": transformer,
        "scheduler/scheduler_config.json": scheduler,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(configuration))
    return folder


FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler"}


@pytest.mark.parametrize(
    ("pipeline_class", "scheduler", "schedules"),
    [
        ("FluxPipeline", FLOW, ("karras", "exponential", "beta")),
        ("CogView4Pipeline", FLOW, ()),
        ("HunyuanDiTPipeline", {"_class_name": "DDPMScheduler"}, ("trailing",)),
        ("SanaPipeline", {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}, ()),
        ("SanaPipeline", {"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True}, ()),
        ("FluxPipeline", {"_class_name": "Unknown"}, ()),
        ("FluxPipeline", {}, ()),
    ],
)
def test_a_generic_pipeline_has_the_schedules_of_its_scheduler(
    tmp_path: Path, pipeline_class: str, scheduler: dict[str, Any], schedules: tuple[str, ...]
) -> None:
    generic(tmp_path / "folder", pipeline_class, {}, **scheduler)
    [entry] = load(tmp_path / "models.toml", '[models.a]\nsource = "folder"')
    assert entry.schedules_of(None) == entry.own_schedules == schedules


@pytest.mark.parametrize(
    ("name", "pipeline_class", "transformer", "scheduler", "steps", "guidance_scale"),
    [
        ("flux", "FluxPipeline", {"guidance_embeds": True}, {"use_dynamic_shifting": True}, 28, 3.5),
        ("fast", "FluxPipeline", {"guidance_embeds": False}, {"use_dynamic_shifting": False}, 4, 0),  # schnell's
        ("dedistilled", "FluxPipeline", {"guidance_embeds": False}, {"use_dynamic_shifting": True}, 28, 3.5),
        ("FLUX.1-Turbo-8steps", "FluxPipeline", {"guidance_embeds": True}, {"use_dynamic_shifting": True}, 8, 3.5),
        ("Qwen-Image", "QwenImagePipeline", {}, {}, 50, 4),
        ("Qwen-Image-Lightning-8steps", "QwenImagePipeline", {}, {}, 8, 0),
        ("Z-Image", "ZImagePipeline", {}, {}, 50, 5),
        ("Z-Image-Turbo", "ZImagePipeline", {}, {}, 8, 0),
        ("zimage", "ZImagePipeline", {"_name_or_path": "Tongyi-MAI/Z-Image-Turbo"}, {}, 8, 0),
        ("sd3.5-large", "StableDiffusion3Pipeline", {}, {}, 28, 7),
        ("sd3.5-large-turbo", "StableDiffusion3Pipeline", {}, {}, 4, 0),
        ("kandinsky-3", "Kandinsky3Pipeline", {}, {}, 25, 3),
    ],
)
def test_steps_and_guidance_suit_a_generic_pipeline(
    tmp_path: Path,
    name: str,
    pipeline_class: str,
    transformer: dict[str, Any],
    scheduler: dict[str, Any],
    steps: int,
    guidance_scale: float,
) -> None:
    generic(tmp_path / name, pipeline_class, transformer, **FLOW | scheduler)
    [entry] = load(tmp_path / "models.toml", f'[models.a]\nsource = "{name}"')
    assert (entry.defaults.steps, entry.defaults.guidance_scale) == (steps, guidance_scale)
    assert entry.supports_negative_prompt != transformer.get("guidance_embeds", False)


@pytest.mark.parametrize(("is_distilled", "steps", "guidance_scale"), [(True, 4, 0), (False, 50, 4)])
def test_steps_and_guidance_suit_a_pipeline_that_is_marked_as_distilled(
    tmp_path: Path, is_distilled: bool, steps: int, guidance_scale: float
) -> None:
    generic(tmp_path / "klein", "Flux2KleinPipeline", {}, **FLOW)
    index = tmp_path / "klein" / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"is_distilled": is_distilled}))
    [entry] = load(tmp_path / "models.toml", '[models.a]\nsource = "klein"')
    assert (entry.defaults.steps, entry.defaults.guidance_scale) == (steps, guidance_scale)


@pytest.mark.parametrize(
    ("name", "unet", "scheduler", "steps", "guidance_scale"),
    [
        ("sd-turbo", {}, "EulerDiscreteScheduler", 4, 0),
        ("sdxl_lightning_2step", {}, "EulerDiscreteScheduler", 2, 0),
        ("DreamshaperXL-Lightning", {}, "EulerDiscreteScheduler", 4, 0),
        ("fused", {}, "LCMScheduler", 4, 0),
        ("LCM_Dreamshaper_v7", {"time_cond_proj_dim": 256}, "LCMScheduler", 4, 7.5),
        ("calcmodel", {}, "PNDMScheduler", 25, 7.5),
        ("photo-768step-merge", {}, "PNDMScheduler", 25, 7.5),
    ],
)
def test_steps_and_guidance_suit_a_model_distilled_to_few_steps(
    tmp_path: Path, name: str, unet: dict[str, Any], scheduler: str, steps: int, guidance_scale: float
) -> None:
    folder = pipeline(tmp_path / name, **unet)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"_class_name": scheduler}))
    [entry] = load(tmp_path / "models.toml", f'[models.a]\nsource = "{name}"')
    assert (entry.defaults.steps, entry.defaults.guidance_scale) == (steps, guidance_scale)
    [entry] = load(tmp_path / "models.toml", f'[models.a]\nsource = "{name}"\ndefaults = {{ steps = 9 }}')
    assert (entry.defaults.steps, entry.defaults.guidance_scale) == (9, guidance_scale)


def test_a_name_on_the_hub_is_the_repositorys_not_the_owners(tmp_path: Path) -> None:
    for owner, name in (("turbo-labs", "plain"), ("labs", "plain-turbo")):
        repository = tmp_path / "hub" / f"models--{owner}--{name}"
        pipeline(repository / "snapshots" / "1f3a")
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("1f3a")
    text = '[models.a]\nsource = "hub:turbo-labs/plain"\n[models.b]\nsource = "hub:labs/plain-turbo"'
    entries = load(tmp_path / "models.toml", text, tmp_path / "hub")
    assert [entry.defaults.steps for entry in entries] == [25, 4]


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


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "pytorch_lora_weights.bin",
            "",
            "holds a LoRA, which is an addition to a model; write it as source of a table [loras.NAME]",
        ),
        ("learned_embeds.bin", "", "holds a textual inversion, which is an addition to a model, not a model"),
        ("config.json", '{"architectures": null}', "holds a component alone, without model_index.json"),
        ("model_index.json", "{}", "model_index.json names no _class_name"),
        (
            "models/Stable-diffusion/a.ckpt",
            "",
            "write the file of weights as source: {}/models/Stable-diffusion/a.ckpt",
        ),
        ("models/checkpoints/a.safetensors", "", "write the file of weights as source: {}/models/checkpoints/a."),
        ("readme.txt", "", "has no model_index.json; source must be the folder of a diffusers pipeline"),
    ],
)
def test_folders_are_named_for_what_they_hold(toml: Path, file: str, content: str, message: str) -> None:
    path = toml.parent / "other" / file
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert message.format(toml.parent / "other") in refused(toml, '[models.a]\nsource = "other"')


def test_folders_without_a_model(toml: Path) -> None:
    (toml.parent / "empty").mkdir()
    (toml.parent / "hub" / "models--own--er" / "refs").mkdir(parents=True)
    (toml.parent / "links").symlink_to("gone")
    for source, message in (
        ("empty", "is empty; download the model again"),
        ("hub/models--own--er", "is a download in the hub's cache; write hub:own/er as source"),
        ("links", "is a link to gone, which does not exist; download it again"),
    ):
        assert message in refused(toml, f'[models.a]\nsource = "{source}"')


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


def test_an_entry_says_how_it_is_shown(toml: Path) -> None:
    fields = 'title = "A model"\nexamples = ["a cat", "a dog"]\nimage = "pictures/a.png"'
    [entry] = load(toml, f'[models.a]\nsource = "folder"\n{fields}')
    assert (entry.title, entry.examples, entry.image) == ("A model", ("a cat", "a dog"), toml.parent / "pictures/a.png")
    [plain] = load(toml, '[models.a]\nsource = "folder"')
    assert (plain.title, plain.examples, plain.image) == ("", (), None)
    assert load_catalog(None).default.examples


def test_aliases_name_models(toml: Path) -> None:
    toml.write_text('[models.ink]\nsource = "folder"\n[aliases]\n"dall-e-3" = "ink"\n"a b [31e35c80fc]" = "ink"')
    assert load_catalog(toml).aliases == {"dall-e-3": "ink", "a b [31e35c80fc]": "ink"}
    assert load_catalog(None).aliases == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[aliases]\ndalle = 'inc'", "alias 'dalle': 'inc' is not a model of the file, which has ink"),
        ("[aliases]\nink = 'ink'", "alias 'ink': a model of the file has this name; choose another one"),
        ("[aliases]\ndalle = 1", "alias 'dalle' must be the name of a model (got 1)"),
        ("[aliases]\n'' = 'ink'", "alias '': the name must have 1 to 200 characters"),
        ("[models.b]\nsource = 'folder'\naliases = ['x']", "model 'b': unknown key 'aliases'"),
    ],
)
def test_an_alias_without_meaning_is_refused(toml: Path, text: str, message: str) -> None:
    assert refused(toml, f'[models.ink]\nsource = "folder"\n{text}').startswith(message)


def test_styles_are_texts_around_prompts(toml: Path) -> None:
    style = '[styles.ink]\ntitle = "Ink"\nprompt = "ink, {prompt}"\nnegative_prompt = "color"'
    toml.write_text(f'[models.ink]\nsource = "folder"\n{style}\n[styles.b]\nprompt = "{{prompt}}"')
    ink, other = load_catalog(toml).styles
    assert (ink.name, ink.title, ink.prompt, ink.negative_prompt) == ("ink", "Ink", "ink, {prompt}", "color")
    assert (other.name, other.title, other.negative_prompt) == ("b", "", "")
    assert load_catalog(None).styles == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[styles.ink]", "style 'ink': prompt is missing; it is a text with {prompt}, which stands for the prompt"),
        ('[styles.ink]\nprompt = "ink"', "style 'ink': prompt must contain {prompt}, which stands for the prompt"),
        ('[styles.ink]\nprompt = "{prompt}"\nnegative = "x"', "style 'ink': unknown key 'negative'; did you mean"),
        ('[styles."a b"]\nprompt = "{prompt}"', "style 'a b': the name must have 1 to 100 letters"),
        ("[styles]\nink = 1", "style 'ink' must be a table, [styles.NAME] with a prompt"),
        ("[models.b]\nsource = 'folder'\nexamples = ['']", "model 'b': examples"),
    ],
)
def test_a_style_without_meaning_is_refused(toml: Path, text: str, message: str) -> None:
    refusal = refused(toml, f'[models.ink]\nsource = "folder"\n{text}')
    assert refusal.startswith(message)
