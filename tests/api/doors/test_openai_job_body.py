"""Requests of OpenAI's clients as bodies of jobs."""

from typing import Any

import pytest

from renderq_api.doors.image_size import fit_size
from renderq_api.doors.openai.fields import ImageFields, parse_fields
from renderq_api.doors.openai.job_body import ignored_fields, job_body
from renderq_api.http.problems import ApiProblem
from renderq_shared.catalog import Catalog
from tests.fast_model.catalog import fast_model

SHAPES = fast_model()
PAINTER = SHAPES.model_copy(update={"name": "painter", "tasks": ("inpaint",)})
CATALOG = Catalog(models=(SHAPES, PAINTER), aliases={"sdxl-turbo": "shapes"})


def body(task: str = "txt2img", **sent: Any) -> dict[str, Any]:
    return job_body(parse_fields(ImageFields, {"prompt": "x", **sent}), task, CATALOG)


def test_what_is_not_sent_is_left_to_the_model() -> None:
    expected = {"task": "txt2img", "model": "shapes", "prompt": "x", "n": 1, "output": {"format": "png"}}
    assert body() == expected
    everything = dict.fromkeys(ImageFields.model_fields)
    assert body(**{**everything, "prompt": "x", "size": ""}) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"n": 4, "seed": 7, "steps": 30}, {"n": 4, "seed": 7, "steps": 30}),
        ({"n": "4", "seed": "7", "guidance_scale": "2.5"}, {"n": 4, "seed": 7, "guidance_scale": 2.5}),
        ({"steps": 20.0}, {"steps": 20}),
        ({"scheduler": "ddim", "clip_skip": 1}, {"scheduler": "ddim", "clip_skip": 1}),
        ({"negative_prompt": "blur", "priority": -2}, {"negative_prompt": "blur", "priority": -2}),
        ({"size": "256x128"}, {"width": 256, "height": 128}),
        ({"size": "1024x1024"}, {"width": 64, "height": 64}),
        ({"quality": "low"}, {"steps": 10}),
        ({"quality": "low", "steps": 30}, {"steps": 30}),
        ({"output_format": "webp", "output_compression": 0}, {"output": {"format": "webp", "quality": 1}}),
        ({"output_format": "jpeg", "output_compression": 55}, {"output": {"format": "jpeg", "quality": 55}}),
        ({"user": "ada", "safety_identifier": "u" * 600}, {"metadata": {"user": "u" * 512}}),
        ({"user": 17}, {"metadata": {"user": "17"}}),
    ],
)
def test_fields_that_are_sent(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    made = body(**sent)
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize(
    "sent",
    [
        {"size": "auto"},
        {"quality": "hd", "background": "opaque"},
        {"moderation": "low", "style": "vivid", "input_fidelity": "high"},
        {"metadata": {"a": 1}, "webhook": 7, "password": "secret", "n": None},
        {"output_compression": 50, "strength": 0.5},
    ],
)
def test_fields_that_change_nothing(sent: dict[str, Any]) -> None:
    assert body(**sent) == body()


@pytest.mark.parametrize(
    ("name", "task", "model"),
    [
        (None, "txt2img", "shapes"),
        ("painter", "txt2img", "painter"),
        ("sdxl-turbo", "inpaint", "shapes"),
        ("dall-e-3", "txt2img", "shapes"),
        ("gpt-image-2", "inpaint", "shapes"),
        ("chatgpt-image-latest", "upscale", "shapes"),
        ("nope", "txt2img", "nope"),
        ("my-dall-e-3", "txt2img", "my-dall-e-3"),
    ],
)
def test_names_of_models(name: str | None, task: str, model: str) -> None:
    assert body(task, model=name)["model"] == model


def test_a_foreign_name_means_the_first_model_that_has_the_task() -> None:
    catalog = Catalog(models=(PAINTER, SHAPES))
    fields = parse_fields(ImageFields, {"prompt": "x", "model": "dall-e-3"})
    assert job_body(fields, "txt2img", catalog)["model"] == "shapes"
    assert job_body(fields, "inpaint", catalog)["model"] == "painter"


@pytest.mark.parametrize(
    ("wished", "rendered"),
    [
        ((512, 512), (512, 512)),
        ((500, 300), (496, 296)),
        ((3, 600), (8, 512)),
        ((1024, 1024), (64, 64)),
        ((1792, 1024), (80, 48)),
        ((16_384, 1), (512, 8)),
    ],
)
def test_a_size_becomes_one_that_the_model_renders(wished: tuple[int, int], rendered: tuple[int, int]) -> None:
    assert fit_size(*wished, SHAPES) == rendered


def test_ignored_fields_are_named() -> None:
    fields = parse_fields(ImageFields, {"prompt": "x", "strength": 0.5, "output_compression": 50, "secret": "1"})
    assert ignored_fields(fields, "txt2img") == ("strength", "output_compression")
    assert ignored_fields(fields, "img2img") == ("output_compression",)
    fields = parse_fields(ImageFields, {"prompt": "x", "partial_images": 2})
    assert ignored_fields(fields, "txt2img") == ("partial_images",)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"size": size}, "size")
        for size in ("0x64", "64x0", "16385x64", "64", "64x64x64", "-64x64", "1e3x64", "big", "99999999x1")
    ]
    + [
        ({"background": "transparent"}, "background"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 101}, "output_compression"),
        ({"response_format": "bytes"}, "response_format"),
        ({"quality": "best"}, "quality"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"n": "two"}, "n"),
        ({"seed": "nan"}, "seed"),
        ({"steps": 151}, "steps"),
        ({"prompt": "x" * 8_001}, "prompt"),
        ({"prompt": ["x"]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"svg": True}, "svg"),
        ({"frame_count": 2}, "frame_count"),
    ],
)
def test_what_cannot_be_done_is_refused(sent: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiProblem) as refused:
        body(**sent)
    assert [error.pointer for error in refused.value.errors] == [f"/{field}"]
    assert refused.value.detail.startswith(f"/{field}: ")
