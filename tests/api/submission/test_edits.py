"""Requests of the task `edit`: how many images a model takes, and of which sizes."""

from typing import Any

import pytest

from renderq.contract import ModelDefaults, ModelLimits
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.capabilities import check
from renderq_api.submission.request_parser import parse
from renderq_api.submission.resolution import IngestedRequest, ResolvedJob, resolve
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.jobs import AssetRecord

CATALOG = Catalog(
    models=(
        ModelEntry(
            name="editor",
            source="/models",
            family="pipeline",
            tasks=("txt2img", "edit"),
            revision="1",
            defaults=ModelDefaults(width=1024, height=1024, steps=20, guidance_scale=2),
            limits=ModelLimits(max_side=2048, max_pixels=2048 * 2048, size_multiple=16, max_images=2),
        ),
    )
)


def asset_id(number: int) -> str:
    return f"asset_{number:064}"


def edit(*sizes: tuple[int, int], **fields: Any) -> ResolvedJob:
    """Return the job that edits images of these sizes."""
    body = {"task": "edit", "prompt": "x", "images": [asset_id(number) for number in range(len(sizes))], **fields}
    checked = check(parse(body, CATALOG), CATALOG, signs_webhooks=False)
    images = {
        f"images/{number}": AssetRecord(asset_id(number), "t", "k", "image/png", *size, 1, created_ms=0, used_ms=0)
        for number, size in enumerate(sizes)
    }
    return resolve(IngestedRequest(checked, images))


def errors(*sizes: tuple[int, int], **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(ApiProblem) as refused:
        edit(*sizes, **fields)
    return [(error.pointer, error.code) for error in refused.value.errors]


def test_the_first_image_decides_about_the_size_unless_the_request_does() -> None:
    job = edit((205, 100), (500, 700))
    assert (job.request.width, job.request.height) == (192, 96)
    assert job.request.model_dump()["images"] == (asset_id(0), asset_id(1))
    assert job.assets == (asset_id(0), asset_id(1))
    wider = edit((205, 100), width=320).request
    assert (wider.width, wider.height) == (320, 144)


def test_a_resolved_request_is_accepted_again() -> None:
    request = edit((64, 64), (80, 64)).request
    assert edit((64, 64), (80, 64), **request.model_dump(mode="json")).request == request


@pytest.mark.parametrize(
    ("sizes", "fields", "error"),
    [
        ([(64, 64)] * 3, {}, ("/images", "too_many")),
        ([], {}, ("/images", "too_few")),
        ([(64, 64), (64, 63)], {}, ("/images/1", "too_small")),
        ([(64, 513)], {}, ("/images/0", "too_long")),
        ([(64, 64)], {"width": 72}, ("/width", "not_a_multiple")),
        ([(64, 64)], {"strength": 0.5}, ("/strength", "unknown_field")),
    ],
)
def test_what_no_pipeline_can_edit_is_refused(
    sizes: list[tuple[int, int]], fields: dict[str, Any], error: tuple[str, str]
) -> None:
    assert errors(*sizes, **fields) == [error]


def test_the_largest_and_the_longest_image_are_accepted() -> None:
    assert edit((64, 512)).request.height == 512
