"""A request and the catalog → what is rendered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq.contract import LIMITS, ModelDefaults, ModelLimits, ProblemKind, parse_request
from renderq_api.problems import ApiProblem
from renderq_api.resolving import Resolved, read_request, resolve
from renderq_shared.catalog import Catalog, ModelEntry
from renderq_shared.jobs import AssetRecord


def entry(name: str, tasks: tuple[str, ...] = ("txt2img",), max_pixels: int = 1024 * 768) -> ModelEntry:
    return ModelEntry(
        name=name,
        source="/models",
        family="stable_diffusion",
        tasks=tasks,
        revision="1",
        defaults=ModelDefaults(width=512, height=512, steps=25, guidance_scale=7.5, scheduler="euler"),
        limits=ModelLimits(max_side=1024, max_pixels=max_pixels),
    )


def resolved(body: dict[str, Any], catalog: Catalog, **pictures: AssetRecord) -> Resolved:
    return resolve(read_request(body, catalog), pictures)


CATALOG = Catalog(models=(entry("first"), entry("second"), entry("upscaler", tasks=("upscale",))))


def test_defaults_of_the_named_model_and_none_over_what_was_said() -> None:
    request = json.loads(resolved({"prompt": "x", "model": "second", "guidance_scale": 0}, CATALOG).request_json)
    assert (request["model"], request["width"], request["steps"]) == ("second", 512, 25)
    assert (request["guidance_scale"], request["scheduler"]) == (0, "euler")


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


def test_task_that_the_model_does_not_do() -> None:
    with pytest.raises(ApiProblem) as caught:
        resolved({"prompt": "x", "model": "upscaler"}, CATALOG)
    assert caught.value.kind is ProblemKind.TASK_NOT_SUPPORTED
    assert caught.value.detail == "The model upscaler does not do txt2img; it does upscale."


@given(n=st.integers(1, LIMITS.images), width=st.none() | st.integers(1, 64).map(lambda side: side * 8))
def test_what_is_resolved_is_a_request_that_resolves_to_itself(n: int, width: int | None) -> None:
    first = json.loads(resolved({"prompt": "x", "n": n, "width": width}, CATALOG).request_json)
    parse_request(first)
    assert json.loads(resolved(first, CATALOG).request_json) == first
    assert 0 <= first["seed"] <= LIMITS.seed - n
