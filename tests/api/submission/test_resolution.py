"""Parsing, checks and resolution of a request against the catalog."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from renderq.contract import LIMITS, ModelDefaults, ModelLimits, ProblemKind, parse_request
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.capabilities import CheckedRequest, check
from renderq_api.submission.request_parser import parse
from renderq_api.submission.resolution import IngestedRequest, ResolvedJob, resolve
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.imaging.size import output_size
from renderq_shared.jobs import AssetRecord


def entry(name: str, tasks: tuple[str, ...] = ("txt2img",), max_pixels: int = 1024 * 768, **fields: Any) -> ModelEntry:
    return ModelEntry(
        name=name,
        source="/models",
        family="stable_diffusion",
        tasks=tasks,
        revision="1",
        defaults=ModelDefaults(width=512, height=512, steps=25, guidance_scale=7.5, scheduler="euler"),
        limits=ModelLimits(max_side=1024, max_pixels=max_pixels, **fields.pop("limits", {})),
        **fields,
    )


def image_asset(width: int, height: int) -> AssetRecord:
    return AssetRecord(IMAGE, "default", "assets/x", "image/png", width, height, 1, created_ms=0, used_ms=0)


def refused(body: dict[str, Any], **images: AssetRecord) -> dict[str, str]:
    """Return the code of each error by its pointer."""
    with pytest.raises(ApiProblem) as caught:
        resolved({"prompt": "x", **body}, CATALOG, **images)
    return {error.pointer: error.code for error in caught.value.errors}


def checked(body: dict[str, Any], catalog: Catalog) -> CheckedRequest:
    return check(parse(body, catalog), catalog, signs_webhooks=True)


def resolved(body: dict[str, Any], catalog: Catalog, **images: AssetRecord) -> ResolvedJob:
    return resolve(IngestedRequest(checked(body, catalog), images))


IMAGE = f"asset_{'1' * 64}"

CATALOG = Catalog(
    models=(
        entry("first", limits={"max_clip_skip": 11, "max_guidance_rescale": 1.0}),
        entry("second"),
        entry("marked", watermark="made by us"),
        entry("upscaler", tasks=("upscale",), limits={"max_noise_level": 350, "size_multiple": 4}),
        entry("depth", tasks=("depth2img",)),
        entry("estimating", tasks=("depth2img",), has_depth_estimator=True),
        entry("generic", schedulers=(), supports_negative_prompt=False, limits={"size_multiple": 16}).model_copy(
            update={"family": "pipeline", "defaults": ModelDefaults(width=512, height=512, steps=28, guidance_scale=4)}
        ),
        entry("flow", schedulers=(), own_schedules=("karras", "exponential", "beta")).model_copy(
            update={"family": "pipeline", "defaults": ModelDefaults(width=512, height=512, steps=28, guidance_scale=4)}
        ),
    )
)


def test_defaults_of_the_named_model_and_none_over_what_was_said() -> None:
    request = json.loads(resolved({"prompt": "x", "model": "second", "guidance_scale": 0}, CATALOG).request.to_json())
    assert (request["model"], request["width"], request["steps"]) == ("second", 512, 25)
    assert (request["guidance_scale"], request["scheduler"]) == (0, "euler")
    own = ModelDefaults(width=512, height=512, steps=25, guidance_scale=7.5, guidance_rescale=0.7, clip_skip=1)
    model = entry("own", limits={"max_clip_skip": 11, "max_guidance_rescale": 1}).model_copy(update={"defaults": own})
    for given_fields, expected in (({}, (0.7, 1)), ({"guidance_rescale": 0, "clip_skip": 0}, (0, 0))):
        request = resolved({"prompt": "x", **given_fields}, Catalog(models=(model,))).request
        assert (request.guidance_rescale, request.clip_skip) == expected


def test_cost_grows_with_images_steps_and_pixels() -> None:
    assert resolved({"prompt": "x"}, CATALOG).cost == 25
    assert resolved({"prompt": "x", "n": 4, "steps": 10, "width": 1024}, CATALOG).cost == 80


def test_too_many_pixels_points_at_what_was_said() -> None:
    with pytest.raises(ApiProblem) as caught:
        resolved({"prompt": "x", "width": 1024, "height": 1024}, CATALOG)
    assert caught.value.kind is ProblemKind.TOO_MANY_PIXELS
    assert [error.pointer for error in caught.value.errors] == ["/width", "/height"]
    small = Catalog(models=(entry("small", max_pixels=512 * 512),))
    with pytest.raises(ApiProblem) as caught:
        resolved({"prompt": "x", "width": 520, "height": None}, small)
    assert [error.pointer for error in caught.value.errors] == ["/width"]


def test_resized_images_exceed_the_limits_of_the_model_but_not_those_of_the_service() -> None:
    job = resolved({"prompt": "x", "output": {"resize": 4}}, CATALOG)
    assert (job.cost, output_size(job.request)) == (25, (2048, 2048))
    limits = ModelLimits(max_side=2048, max_pixels=2048 * 2048)
    large = Catalog(models=(entry("large").model_copy(update={"limits": limits}),))
    body = {"prompt": "x", "width": 1024, "height": 1024}
    assert resolved({**body, "output": {"resize": 4}}, large)
    with pytest.raises(ApiProblem) as caught:
        resolved({**body, "width": 1032, "output": {"resize": 4}}, large)
    assert caught.value.kind is ProblemKind.TOO_MANY_PIXELS
    assert [error.pointer for error in caught.value.errors] == ["/output/resize"]


@pytest.mark.parametrize(
    ("file_format", "width", "is_possible"),
    [
        ("png", 16_384, True),
        ("jpeg", 16_376, False),
        ("jpeg", 16_368, True),
        ("webp", 4_096, False),
        ("webp", 4_088, True),
    ],
)
def test_a_size_that_the_file_format_cannot_have_is_refused(file_format: str, width: int, is_possible: bool) -> None:
    limits = ModelLimits(max_side=16_384, max_pixels=4096 * 4096)
    model = Catalog(models=(entry("large").model_copy(update={"limits": limits}),))
    body = {"prompt": "x", "width": width, "height": 8, "output": {"resize": 4, "format": file_format}}
    if is_possible:
        size = output_size(resolved(body, model).request)
        Image.new("RGB", size).save(io.BytesIO(), file_format)
        return
    with pytest.raises(ApiProblem, match=f"{4 * width:,} × 32") as caught:
        resolved(body, model)
    assert caught.value.kind is ProblemKind.TOO_MANY_PIXELS
    assert [error.pointer for error in caught.value.errors] == ["/output/format"]
    with pytest.raises((OSError, ValueError)):
        Image.new("RGB", (4 * width, 32)).save(io.BytesIO(), file_format)


def test_an_image_that_is_too_long_for_its_format_without_a_resize_is_refused_too() -> None:
    limits = ModelLimits(max_side=65_536, max_pixels=4096 * 4096, size_multiple=4, max_noise_level=350)
    large = entry("large", tasks=("txt2img", "outpaint", "upscale")).model_copy(update={"limits": limits})
    webp, catalog = {"prompt": "x", "output": {"format": "webp"}}, Catalog(models=(large,))
    image = image_asset(8_192, 64)
    for body, images in (
        ({"width": 16_384, "height": 64}, {}),
        ({"task": "outpaint", "image": IMAGE, "extend": {"left": 8_192}}, {"image": image}),
        ({"task": "upscale", "image": IMAGE}, {"image": image}),
    ):
        with pytest.raises(ApiProblem) as caught:
            resolved({**webp, **body}, catalog, **images)
        assert [error.pointer for error in caught.value.errors] == ["/output/format"]


def test_task_that_the_model_does_not_do() -> None:
    with pytest.raises(ApiProblem) as caught:
        resolved({"prompt": "x", "model": "upscaler"}, CATALOG)
    assert caught.value.kind is ProblemKind.TASK_NOT_SUPPORTED
    assert caught.value.detail == "The model upscaler does not support txt2img; it supports upscale."
    assert refused({"task": "img2img", "model": "upscaler", "steps": "many"}) == {"/task": "task_not_supported"}


@pytest.mark.parametrize(
    ("fields", "size", "result"),
    [
        ({}, (140, 100), (560, 400)),
        ({"width": 100}, (100, 68), (400, 272)),
        ({"height": 20}, (28, 20), (112, 80)),
        ({"width": 64, "height": 12}, (64, 12), (256, 48)),
    ],
)
def test_an_upscaled_image_keeps_its_size_but_for_a_multiple_of_four(
    fields: dict[str, int], size: tuple[int, int], result: tuple[int, int]
) -> None:
    body = {"task": "upscale", "model": "upscaler", "image": IMAGE, "steps": 10, **fields}
    made = resolved(body, CATALOG, image=image_asset(143, 102))
    assert (made.request.width, made.request.height) == size
    assert made.cost == 10 * result[0] * result[1] / 512**2
    assert output_size(made.request) == result
    request = json.loads(made.request.to_json())
    assert (request["prompt"], request["noise_level"]) == ("", 20)
    assert json.loads(resolved(request, CATALOG, image=image_asset(143, 102)).request.to_json()) == request


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, {"/image": "too_large"}), ({"width": 260}, {"/width": "too_large"}), ({"height": 252}, {})],
)
def test_an_image_is_never_made_smaller_to_be_upscaled(fields: dict[str, int], expected: dict[str, str]) -> None:
    body = {"task": "upscale", "model": "upscaler", "image": IMAGE, **fields}
    if expected:
        assert refused(body, image=image_asset(400, 600)) == expected
    else:
        assert resolved(body, CATALOG, image=image_asset(400, 600)).request.width == 168


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"clip_skip": 11, "guidance_rescale": 1}, {}),
        ({"clip_skip": 12}, {"/clip_skip": "too_large"}),
        (
            {"clip_skip": 1, "guidance_rescale": 0.1, "model": "second"},
            {"/clip_skip": "not_supported", "/guidance_rescale": "not_supported"},
        ),
        ({"scheduler": "ddim", "model": "generic"}, {"/scheduler": "not_supported"}),
        ({"scheduler": "ddim", "schedule": "karras", "model": "generic"}, {"/scheduler": "not_supported"}),
        ({"schedule": "karras"}, {}),  # of the default scheduler, euler
        ({"scheduler": "euler_a", "schedule": "trailing"}, {}),
        ({"scheduler": "euler_a", "schedule": "karras"}, {"/schedule": "not_supported"}),
        ({"scheduler": "dpmpp_2m_karras", "schedule": "karras"}, {"/schedule": "not_supported"}),
        (
            {"scheduler": "tcd", "schedule": "trailing"},
            {"/schedule": "not_supported"},
        ),
        ({"schedule": "trailing", "model": "generic"}, {"/schedule": "not_supported"}),
        ({"schedule": "beta", "model": "flow"}, {}),
        ({"model": "generic", "height": 48}, {}),
        ({"model": "generic", "width": 72}, {"/width": "not_a_multiple"}),
        ({"model": "generic", "negative_prompt": "x"}, {"/negative_prompt": "not_supported"}),
        (
            {"prompt": "(dex:15)", "negative_prompt": "(x:1000)"},
            {"/prompt": "too_large", "/negative_prompt": "too_large"},
        ),
        ({"prompt": "(red:10) at (16:9)"}, {}),
        ({"prompt": "(dex:15)", "model": "generic"}, {}),  # text
        ({"task": "upscale", "model": "upscaler", "image": IMAGE, "noise_level": 350}, {}),
        (
            {"task": "upscale", "model": "upscaler", "image": IMAGE, "noise_level": 351},
            {"/noise_level": "too_large"},
        ),
        ({"task": "depth2img", "model": "depth", "image": IMAGE}, {"/depth_map": "required"}),
        ({"task": "depth2img", "model": "depth", "image": IMAGE, "depth_map": IMAGE}, {}),
        ({"task": "depth2img", "model": "estimating", "image": IMAGE}, {}),
    ],
)
def test_what_the_model_does_not_support_is_refused_before_its_images_are_read(
    body: dict[str, Any], expected: dict[str, str]
) -> None:
    if expected:
        assert refused(body) == expected
    else:
        assert checked({"prompt": "x", **body}, CATALOG).request


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"scheduler": "ddim", "schedule": "beta"}, "The scheduler ddim has trailing, not beta."),
        (
            {"schedule": "trailing", "model": "flow"},
            "The model's own scheduler has karras, exponential and beta, not trailing.",
        ),
        (
            {"scheduler": "lcm", "schedule": "beta"},
            "The scheduler lcm has no schedules to choose from; omit schedule.",
        ),
    ],
)
def test_the_refusal_of_a_schedule_names_those_of_the_scheduler(body: dict[str, Any], detail: str) -> None:
    with pytest.raises(ApiProblem) as caught:
        checked({"prompt": "x", "steps": 4, **body}, CATALOG)
    assert [error.detail for error in caught.value.errors] == [detail]


@pytest.mark.parametrize(
    ("body", "schedule"),
    [
        ({}, "karras"),
        ({"scheduler": "euler"}, None),
        ({"scheduler": "ddim"}, None),
        ({"schedule": "beta"}, "beta"),
    ],
)
def test_the_default_schedule_is_that_of_the_default_scheduler_alone(
    body: dict[str, Any], schedule: str | None
) -> None:
    defaults = ModelDefaults(width=64, height=64, steps=4, guidance_scale=4, scheduler="euler", schedule="karras")
    catalog = Catalog(models=(entry("own").model_copy(update={"defaults": defaults}),))
    first = resolved({"prompt": "x", **body}, catalog).request
    assert first.schedule == schedule
    assert resolved(json.loads(first.to_json()), catalog).request == first


@given(n=st.integers(1, LIMITS.images), width=st.none() | st.integers(1, 64).map(lambda side: side * 8))
def test_what_is_resolved_is_a_request_that_resolves_to_itself(n: int, width: int | None) -> None:
    first = json.loads(resolved({"prompt": "x", "n": n, "width": width}, CATALOG).request.to_json())
    parse_request(first)
    assert json.loads(resolved(first, CATALOG).request.to_json()) == first
    assert 0 <= first["seed"] <= LIMITS.seed - n


@pytest.mark.parametrize(
    ("model", "output", "text"),
    [
        ("first", {}, None),
        ("first", {"watermark": "by me"}, "by me"),
        ("marked", {}, "made by us"),
        ("marked", {"watermark": None}, "made by us"),
        ("marked", {"watermark": "made by us"}, "made by us"),
    ],
)
def test_the_watermark_is_the_models_else_what_is_asked_for(
    model: str, output: dict[str, Any], text: str | None
) -> None:
    job = resolved({"prompt": "x", "model": model, "output": output}, CATALOG)
    assert job.request.output.watermark == text


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"model": "marked", "output": {"watermark": "by me"}}, {"/output/watermark": "watermark_fixed"}),
        ({"output": {"watermark": "by me"}, "width": 256, "height": 248}, {"/output/watermark": "too_small"}),
        ({"model": "marked", "height": 64}, {"/height": "too_small"}),
        ({"output": {"watermark": "abc"}}, {"/output/watermark": "invalid"}),
        ({"output": {"watermark": "x" * 33}}, {"/output/watermark": "invalid"}),
        ({"output": {"watermark": "né à Paris"}}, {"/output/watermark": "invalid"}),
        ({"output": {"watermark": "a\x1b[31mb"}}, {"/output/watermark": "invalid"}),
        ({"output": {"watermark": " by me"}}, {"/output/watermark": "invalid"}),
    ],
)
def test_watermarks_that_cannot_be(body: dict[str, Any], errors: dict[str, str]) -> None:
    assert refused(body) == errors
