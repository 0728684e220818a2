"""Sizes of a model whose autoencoder needs larger multiples than 8."""

from typing import Any

import pytest

from renderq.contract import ModelDefaults, ModelLimits
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.capabilities import check
from renderq_api.submission.request_parser import parse
from renderq_api.submission.resolution import IngestedRequest, resolve
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.imaging.size import rendered_size
from renderq_shared.jobs import AssetRecord

IMAGE = f"asset_{'1' * 64}"
EXTENDED = {"task": "outpaint", "image": IMAGE}

CATALOG = Catalog(
    models=(
        ModelEntry(
            name="coarse",
            source="/models",
            family="stable_diffusion",
            tasks=("txt2img", "img2img", "outpaint"),
            revision="1",
            defaults=ModelDefaults(width=256, height=256, steps=20, guidance_scale=2),
            limits=ModelLimits(max_side=520, max_pixels=512 * 512, size_multiple=32),
        ),
    )
)


def problem(body: dict[str, Any]) -> ApiProblem:
    with pytest.raises(ApiProblem) as caught:
        check(parse({"prompt": "x", **body}, CATALOG), CATALOG, signs_webhooks=False)
    return caught.value


def size(body: dict[str, Any], width: int = 0, height: int = 0) -> tuple[int, int]:
    """Return the size that a request renders; width and height are those of its image."""
    image = AssetRecord(IMAGE, "default", "assets/x", "image/png", width, height, 1, created_ms=0, used_ms=0)
    checked = check(parse({"prompt": "x", **body}, CATALOG), CATALOG, signs_webhooks=False)
    return rendered_size(resolve(IngestedRequest(checked, {"image": image} if width else {})).request)


@pytest.mark.parametrize(
    ("body", "pointer", "nearest"),
    [
        ({"width": 72}, "/width", "not 72; the nearest are 64 and 96."),
        ({"height": 65}, "/height", "not 65; the nearest are 64 and 96."),
        ({"width": 8}, "/width", "not 8; the nearest is 32."),
        ({"width": 520}, "/width", "not 520; the nearest is 512."),
        ({**EXTENDED, "extend": {"left": 8, "top": 32}}, "/extend/left", "not 8; the nearest are 0 and 32."),
        ({**EXTENDED, "extend": {"bottom": 33}}, "/extend/bottom", "not 33; the nearest are 32 and 64."),
    ],
)
def test_another_size_is_refused_with_the_nearest_ones(body: dict[str, Any], pointer: str, nearest: str) -> None:
    [error] = problem(body).errors
    assert (error.pointer, error.code) == (pointer, "not_a_multiple")
    assert error.detail == f"Must be a multiple of 32 with the model coarse, {nearest}"


def test_other_errors_are_reported_along_with_it() -> None:
    refused = problem({"width": 65, "steps": 0})
    assert {error.pointer: error.code for error in refused.errors} == {
        "/width": "not_a_multiple",
        "/steps": "too_small",
    }
    assert refused.detail.endswith("There is one more error.")


@pytest.mark.parametrize(
    ("body", "image", "expected"),
    [
        ({}, (), (256, 256)),
        ({"width": 512, "height": 32}, (), (512, 32)),
        ({"task": "img2img", "image": IMAGE}, (300, 200), (288, 192)),
        ({"task": "img2img", "image": IMAGE}, (1200, 900), (512, 384)),
        ({"task": "img2img", "image": IMAGE, "width": 160}, (300, 200), (160, 96)),
        ({"task": "img2img", "image": IMAGE}, (20, 20), (32, 32)),
        ({**EXTENDED, "extend": {"left": 64}}, (300, 200), (352, 192)),
    ],
)
def test_every_size_that_is_rendered_is_a_multiple(
    body: dict[str, Any], image: tuple[int, ...], expected: tuple[int, int]
) -> None:
    assert size(body, *image) == expected
