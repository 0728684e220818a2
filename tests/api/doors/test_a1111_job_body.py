"""Requests of clients of AUTOMATIC1111's web UI as bodies of jobs."""

from typing import Any

import pytest

from renderq.image_files.a1111_samplers import SAMPLERS
from renderq_api.doors.a1111.fields import IGNORED, ImageFields, Img2ImgFields, ignored_fields, parse_fields
from renderq_api.doors.a1111.job_body import job_body
from renderq_api.doors.a1111.samplers import choose_scheduler, listed_samplers, listed_schedule_types
from renderq_api.http.problems import ApiProblem
from renderq_shared.catalog import Catalog, LoraEntry
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY
from tests.fast_model.catalog import fast_model

INK = LoraEntry(name="ink", source="/ink.safetensors", revision="1")
SHAPES = fast_model().model_copy(update={"loras": (INK, INK.model_copy(update={"name": "oil"}))})
PLAIN = SHAPES.model_copy(
    update={"name": "plain", "loras": (), "family": GENERIC_FAMILY, "schedulers": (), "supports_negative_prompt": False}
)
PLAIN = PLAIN.model_copy(update={"limits": PLAIN.limits.model_copy(update={"max_clip_skip": 0})})
CATALOG = Catalog(models=(SHAPES, PLAIN), aliases={"v1-5": "plain"})
IMAGE = {"init_images": ["AAAA"]}


def body(
    fields: type[ImageFields] = ImageFields, chosen: str | None = None, size: tuple[int, int] | None = None, **sent: Any
) -> dict[str, Any]:
    return job_body(parse_fields(fields, sent), "txt2img", CATALOG, chosen, size).fields


def ignored(**sent: Any) -> tuple[str, ...]:
    return job_body(parse_fields(ImageFields, sent), "txt2img", CATALOG, None, None).ignored


def test_what_is_not_sent_is_left_to_the_model() -> None:
    prompts = {"prompt": "", "negative_prompt": ""}
    expected = {"task": "txt2img", "model": "shapes", "n": 1, "output": {"format": "png"}, **prompts}
    assert body() == expected
    assert body(**dict.fromkeys(ImageFields.model_fields)) == expected
    assert body(**dict.fromkeys(ImageFields.model_fields, "")) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"prompt": "a (red) circle", "negative_prompt": "[blur]"}, {"prompt": "a (red:1.1) circle"}),
        ({"negative_prompt": "[blur]"}, {"negative_prompt": "(blur:0.9091)"}),
        ({"batch_size": 2, "n_iter": "3", "seed": 7.0}, {"n": 6, "seed": 7}),
        ({"steps": "20", "cfg_scale": "2.5"}, {"steps": 20, "guidance_scale": 2.5}),
        ({"width": 256, "height": 100}, {"width": 256, "height": 96}),
        ({"width": 1024, "height": 1024}, {"width": 64, "height": 64}),
        ({"height": 128}, {"width": 64, "height": 128}),
        ({"sampler_name": "Euler a"}, {"scheduler": "euler_a"}),
        ({"sampler_index": "Heun"}, {"scheduler": "heun"}),
        ({"sampler_name": "DDIM", "sampler_index": "Euler"}, {"scheduler": "ddim"}),
        ({"clip_skip": 2}, {"clip_skip": 1}),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2, "sd_vae": "x"}}, {"clip_skip": 1}),
        ({"override_settings": {"sd_model_checkpoint": "plain"}}, {"model": "plain"}),
        ({"override_settings": {"sd_model_checkpoint": None, "samples_format": ""}}, {"model": "shapes"}),
        (
            {"override_settings": {"samples_format": "jpg", "jpeg_quality": 60}},
            {"output": {"format": "jpeg", "quality": 60}},
        ),
        ({"override_settings": {"jpeg_quality": 60}}, {"output": {"format": "png"}}),
        ({"force_task_id": "t" * 600}, {"metadata": {"task": "t" * 512}}),
    ],
)
def test_fields_that_are_sent(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    made = body(**sent)
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize(
    "sent",
    [
        {"seed": -1},
        {"clip_skip": 1, "denoising_strength": 0.3},
        {"enable_hr": False, "hr_scale": 2, "hr_upscaler": "Latent"},
        {"script_name": None, "script_args": [], "alwayson_scripts": {}},
        {"alwayson_scripts": {"ADetailer": {"args": [False]}, "ControlNet": {"args": [{"enabled": False}]}}},
        {"alwayson_scripts": {"ControlNet": {"args": []}, "x": {}}},
        {"subseed_strength": 0.0, "seed_resize_from_w": -1, "seed_resize_from_h": 0, "tiling": False},
        {"refiner_checkpoint": "None"},
        {"password": "secret", "user_id": 7, "sampler_name": ""},
    ],
)
def test_fields_that_change_nothing(sent: dict[str, Any]) -> None:
    assert body(**sent) == body()
    assert ignored_fields(sent) == []


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("plain", "plain"),
        ("v1-5", "plain"),
        ("plain.safetensors [6ce0161689]", "plain"),
        ("plain [6ce0161689]", "plain"),
        ("v1-5.ckpt", "plain"),
    ],
)
def test_names_of_models(name: str, model: str) -> None:
    assert body(override_settings={"sd_model_checkpoint": name})["model"] == model
    assert body(chosen="plain")["model"] == "plain"
    assert body(chosen="plain", override_settings={"sd_model_checkpoint": "shapes"})["model"] == "shapes"


def test_the_size_of_an_image_stands_for_a_side_that_is_not_sent() -> None:
    assert "width" not in body(Img2ImgFields, size=(200, 104), **IMAGE)
    made = body(Img2ImgFields, size=(200, 104), width=128, **IMAGE)
    assert (made["width"], made["height"], made["strength"]) == (128, 104, 0.75)


@pytest.mark.parametrize(
    ("sent", "noise"),
    [
        (("Euler", None), ("euler", None)),
        (("Euler", "Beta"), ("euler", "beta")),
        (("euler A", "automatic"), ("euler_a", None)),
        (("k_euler_a", "Normal"), ("euler_a", None)),
        (("Euler a", "SGM Uniform"), ("euler_a", "trailing")),
        (("DPM++ 2M", None), ("dpmpp_2m_karras", None)),
        (("DPM++ 2M", "karras"), ("dpmpp_2m_karras", None)),
        (("DPM++ 2M Karras", None), ("dpmpp_2m_karras", None)),
        (("k_dpmpp_2m_ka", None), ("dpmpp_2m_karras", None)),
        (("DPM++ 2M", "Uniform"), ("dpmpp_2m", None)),
        (("DPM++ 2M SDE", "Automatic"), ("dpmpp_2m_sde", "exponential")),
        (("DPM++ 2M SDE Karras", "Beta"), ("dpmpp_2m_sde", "karras")),
        (("DPM2 a", None), ("dpm2_a", "karras")),
        (("DDIM", "sgm_uniform"), ("ddim", "trailing")),
        (("dpmpp_2m_sde", None), ("dpmpp_2m_sde", None)),
        (("dpmpp_2m_sde", "Karras"), ("dpmpp_2m_sde", "karras")),
        ((None, None), (None, None)),
        ((None, "Simple"), (None, "trailing")),
    ],
)
def test_samplers_and_schedule_types(sent: tuple[str | None, str | None], noise: tuple[str | None, str | None]) -> None:
    choice = choose_scheduler(*sent, SHAPES)
    assert (choice.scheduler, choice.schedule, choice.ignored) == (*noise, ())


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (("nonsense", None), "Sampler not found: nonsense; there are DPM"),
        (("Restart", None), "Sampler not found: Restart"),
        (("Euler", "nonsense"), "Schedule type not found: nonsense; there are Automatic, "),
        (("Euler", "Polyexponential"), "Schedule type not found"),
        (("Euler a Karras", None), "Euler a has no schedule type Karras here; it has Automatic, "),
        (
            ("dpmpp_2m_karras", "Beta"),
            "dpmpp_2m_karras has no schedule type Beta here; it has Automatic, Uniform, Normal.",
        ),
        ((None, "Karras"), "The model shapes has no schedule type Karras here; it has Automatic, "),
    ],
)
def test_what_cannot_be_made_is_refused(sent: tuple[str, str | None], told: str) -> None:
    with pytest.raises(ApiProblem, match=told) as refused:
        choose_scheduler(*sent, SHAPES)
    assert [error.code for error in refused.value.errors] == ["not_found"]


def test_every_pair_that_is_listed_is_made_and_no_other() -> None:
    assert [name for name, _ in listed_samplers()] == [sampler.name for sampler in SAMPLERS]
    assert {scheduler for _, schedulers in listed_samplers() for scheduler in schedulers} == set(SHAPES.schedulers)
    for sampler in SAMPLERS:
        assert set(sampler.types) <= set(listed_schedule_types())
        for schedule_type, noise in sampler.types.items():
            choice = choose_scheduler(sampler.name, schedule_type, SHAPES)
            assert (choice.scheduler, choice.schedule) == (noise.scheduler, noise.schedule)
        made = {(noise.scheduler, noise.schedule) for noise in sampler.types.values()}
        made |= {("dpmpp_2m", "karras")} if sampler.name == "DPM++ 2M" else set()
        schedulers = {scheduler for scheduler, _ in made}
        assert made == {(name, each) for name in schedulers for each in (None, *SHAPES.schedules_of(name))}


def test_ignored_fields_are_named() -> None:
    sent = {"restore_faces": True, "eta": 0.5, "styles": ["a"], "subseed": 3, "s_noise": 1, "secret": 1}
    assert ignored_fields(sent) == ["restore_faces", "eta", "subseed", "styles"]
    assert ignored_fields(dict.fromkeys(IGNORED)) == []


def test_what_a_model_knows_nothing_of_is_ignored_and_named() -> None:
    sent = {"negative_prompt": "x", "sampler_name": "Euler a", "scheduler": "Karras", "clip_skip": 2, "prompt": "(a)"}
    sent["override_settings"] = {"sd_model_checkpoint": "plain"}
    assert body(**sent).items() <= body(prompt="(a)", override_settings=sent["override_settings"]).items()
    assert body(**sent)["prompt"] == "(a)"
    assert ignored(**sent) == ("negative_prompt", "sampler_name", "scheduler", "clip_skip")


@pytest.mark.parametrize(
    ("network", "weights"),
    [
        ("<lora:ink>", (1, 1)),
        ("<lora:ink:0.8>", (0.8, 0.8)),
        ("<LoRA:ink:.5:0.8>", (0.8, 0.5)),
        ("<lyco:ink:te=0.5:unet=-1>", (-1, 0.5)),
        ("<lora:ink:0.5:unet=2>", (2, 0.5)),
    ],
)
def test_loras_are_taken_out_of_the_prompt(network: str, weights: tuple[float, float]) -> None:
    lora = {"name": "ink", "weight": weights[0], "text_encoder_weight": weights[1]}
    other = {"name": "oil", "weight": 1, "text_encoder_weight": 1}
    made = body(prompt=f"a (red:1.2) circle {network}, <lora:oil> <b:c>")
    assert (made["prompt"], made["loras"]) == ("a (red:1.2) circle ,  <b:c>", [lora, other])
    assert "loras" not in body(negative_prompt=network)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"enable_hr": True}, "enable_hr"),
        ({"script_name": "xyz"}, "script_name"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True}]}}}, "alwayson_scripts"),
        ({"subseed_strength": 0.1}, "subseed_strength"),
        ({"seed_resize_from_w": 512}, "seed_resize_from_w"),
        ({"tiling": True}, "tiling"),
        ({"refiner_checkpoint": "sdxl-refiner"}, "refiner_checkpoint"),
        ({"prompt": "x <lora:y:1>"}, "prompt"),
        ({"prompt": "x <lora:ink:much>"}, "prompt"),
        ({"prompt": "x <lora:ink>", "override_settings": {"sd_model_checkpoint": "plain"}}, "prompt"),
        ({"prompt": "x <hypernet:y:1>"}, "prompt"),
        ({"negative_prompt": "(x:-1)"}, "negative_prompt"),
        ({"width": 0}, "width"),
        ({"height": 16_385}, "height"),
        ({"steps": 151}, "steps"),
        ({"cfg_scale": "nan"}, "cfg_scale"),
        ({"cfg_scale": True}, "cfg_scale"),
        ({"batch_size": True}, "batch_size"),
        ({"override_settings": {"jpeg_quality": True}}, "override_settings/jpeg_quality"),
        ({"batch_size": 17}, "batch_size"),
        ({"prompt": "x" * 8_001}, "prompt"),
        ({"override_settings": {"samples_format": "gif"}}, "override_settings/samples_format"),
        ({"override_settings": []}, "override_settings"),
    ],
)
def test_what_cannot_be_done_is_refused(sent: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiProblem) as refused:
        body(**sent)
    assert [error.pointer for error in refused.value.errors] == [f"/{field}"]
    assert refused.value.detail.startswith(f"/{field}: ")


@pytest.mark.parametrize(
    "sent",
    [{}, {"init_images": []}, {"init_images": ["a", "b"]}, {**IMAGE, "resize_mode": 2}, {**IMAGE, "resize_mode": True}],
)
def test_a_change_of_an_image_needs_one_image(sent: dict[str, Any]) -> None:
    with pytest.raises(ApiProblem):
        body(Img2ImgFields, **sent)


def test_too_many_images_are_refused() -> None:
    with pytest.raises(ApiProblem, match="product of batch_size and n_iter may be at most 16, not 18"):
        body(batch_size=9, n_iter=2)
