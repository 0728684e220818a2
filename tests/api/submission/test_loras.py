"""LoRAs of a request against those of the catalog."""

from typing import Any

import pytest

from renderq.contract import parse_resolved_request
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.resolution import ResolvedJob
from renderq_shared.catalog import Catalog, LoraEntry
from tests.api.submission.test_resolution import entry, image_asset, resolved

INK = LoraEntry(name="ink", source="/ink.safetensors", weight=0.7, revision="abc")
OIL = LoraEntry(name="oil", source="/oil.safetensors", revision="def")
TASKS = ("txt2img", "img2img", "inpaint", "outpaint", "variation", "depth2img")
CATALOG = Catalog(
    models=(
        entry("first", TASKS, loras=(INK, OIL), has_depth_estimator=True),
        entry("second", loras=(OIL,)),
        entry("plain"),
    )
)


def job(*loras: object, **fields: Any) -> ResolvedJob:
    images = {name: image_asset(512, 512) for name in ("image", "mask") if name in fields}
    return resolved({"prompt": "x", "loras": list(loras), **fields}, CATALOG, **images)


def refused(*loras: object, **fields: Any) -> dict[str, str]:
    """Return the message of each error by its pointer."""
    with pytest.raises(ApiProblem) as caught:
        job(*loras, **fields)
    return {error.pointer: error.detail for error in caught.value.errors}


@pytest.mark.parametrize(
    ("sent", "weights"),
    [
        ({}, (0.7, 0.7)),
        ({"weight": 0.5}, (0.5, 0.5)),
        ({"weight": 1, "text_encoder_weight": 0}, (1, 0)),
        ({"text_encoder_weight": -4}, (0.7, -4)),
        ({"revision": "abc"}, (0.7, 0.7)),
    ],
)
def test_weights_and_revision_are_filled_in(sent: dict[str, Any], weights: tuple[float, float]) -> None:
    [lora] = job({"name": "ink", **sent}).request.loras
    assert (lora.name, lora.weight, lora.text_encoder_weight, lora.revision) == ("ink", *weights, "abc")


ASSET = f"asset_{'1' * 64}"


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "img2img", "image": ASSET},
        {"task": "inpaint", "image": ASSET, "mask": ASSET},
        {"task": "outpaint", "image": ASSET, "extend": {"left": 64}},
        {"task": "variation", "image": ASSET},
        {"task": "depth2img", "image": ASSET},
    ],
)
def test_every_task_takes_them_and_a_recipe_is_a_request(fields: dict[str, Any]) -> None:
    made = job({"name": "ink"}, {"name": "oil", "weight": 2}, **fields).request
    again = job(*made.model_dump(mode="json")["loras"], **fields).request
    assert [lora.name for lora in again.loras] == ["ink", "oil"]
    assert again.loras == made.loras


def test_requests_stored_before_there_were_loras_have_none() -> None:
    stored = job().request.model_dump(mode="json")
    del stored["loras"]
    assert parse_resolved_request(stored).loras == ()


@pytest.mark.parametrize(
    ("loras", "model", "pointer", "message"),
    [
        ([{"name": "ink"}, {"name": "onk"}], "first", "/loras/1/name", 'There is no LoRA "onk". Did you mean ink?'),
        ([{"name": "xyz"}], "first", "/loras/0/name", 'There is no LoRA "xyz". The model first has ink, oil.'),
        ([{"name": "xyz"}], "plain", "/loras/0/name", "The model plain has none; omit it."),
        (
            [{"name": "oil"}, {"name": "ink"}],
            "second",
            "/loras/1/name",
            "The LoRA ink does not fit the model second; it fits first.",
        ),
        ([{"name": "ink", "revision": "old"}], "first", "/loras/0/revision", "The LoRA ink has revision abc here;"),
        ([{"name": "ink", "weight": 4.5}], "first", "/loras/0/weight", "4"),
        ([{"name": "ink", "weight": "1"}], "first", "/loras/0/weight", ""),
        ([{"name": "ink", "text_encoder_weight": -5}], "first", "/loras/0/text_encoder_weight", "-4"),
        ([{"weight": 1}], "first", "/loras/0/name", ""),
        ([{"name": "ink", "wieght": 1}], "first", "/loras/0/wieght", ""),
        ([{"name": "ink"}, {"name": "ink", "weight": 1}], "first", "/loras", "each LoRA at most once, not 'ink'"),
        ([{"name": f"l{number}"} for number in range(9)], "first", "/loras", "8"),
        (["ink"], "first", "/loras/0", ""),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(loras: list[object], model: str, pointer: str, message: str) -> None:
    errors = refused(*loras, model=model)
    assert list(errors) == [pointer]
    assert message in errors[pointer]
