"""Sampling parameters in their three forms, and resolved requests."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from renderq.contract import SamplingOverrides, SamplingParams, parse_request, parse_resolved_request
from renderq.contract.sampling import SamplingFields

DEFAULTS = SamplingParams(steps=25, guidance_scale=7.5, clip_skip=1, scheduler="euler", schedule="karras")
RESOLVED = {
    "task": "txt2img",
    "model": "m",
    "prompt": "x",
    "width": 64,
    "height": 64,
    "seed": 1,
    "steps": 4,
    "guidance_scale": 2.0,
}


def test_every_form_has_the_same_fields() -> None:
    fields = set(SamplingParams.model_fields)
    assert fields == set(SamplingOverrides.model_fields) == set(SamplingFields.__annotations__)


def test_every_field_can_be_left_out_and_later_ones_from_stored_requests_too() -> None:
    assert all(field.default is None for field in SamplingOverrides.model_fields.values())
    required = {name for name, field in SamplingParams.model_fields.items() if field.is_required()}
    assert required == {"steps", "guidance_scale"}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, DEFAULTS),
        ({"steps": None}, DEFAULTS),
        ({"guidance_scale": 0.0, "clip_skip": 0}, DEFAULTS.model_copy(update={"guidance_scale": 0.0, "clip_skip": 0})),
        ({"schedule": "beta"}, DEFAULTS.model_copy(update={"schedule": "beta"})),
        ({"scheduler": "ddim"}, DEFAULTS.model_copy(update={"scheduler": "ddim", "schedule": None})),
        ({"scheduler": "euler", "schedule": None}, DEFAULTS.model_copy(update={"schedule": None})),
    ],
)
def test_defaults_replace_only_fields_that_are_left_out(overrides: dict[str, Any], expected: SamplingParams) -> None:
    assert SamplingOverrides(**overrides).resolve_sampling(DEFAULTS) == expected
    assert parse_request({"prompt": "x", **overrides}).resolve_sampling(DEFAULTS) == expected


def test_a_resolved_request_is_accepted_again_as_a_request() -> None:
    resolved = parse_resolved_request(RESOLVED)
    text = resolved.to_json()
    assert parse_request(json.loads(text)).model_dump() == resolved.model_dump()
    assert parse_resolved_request(json.loads(text)) == resolved
    assert resolved.sampling == SamplingParams(steps=4, guidance_scale=2.0)


@pytest.mark.parametrize("field", ["task", "model", "width", "height", "seed", "steps", "guidance_scale"])
def test_a_resolved_request_leaves_nothing_out(field: str) -> None:
    with pytest.raises(ValidationError):
        parse_resolved_request({name: value for name, value in RESOLVED.items() if name != field})
    with pytest.raises(ValidationError):
        parse_resolved_request({**RESOLVED, field: None})
