"""The JSON parts of a job record: stable keys, and tolerance for what another version wrote."""

import json

import pytest
from pydantic import ValidationError

from renderq.contract import JobWarning
from renderq_shared.jobs.stored_results import (
    StoredOutput,
    StoredProgress,
    decode_grid,
    decode_metrics,
    decode_outputs,
    decode_progress,
    decode_runtime,
    decode_warnings,
    encode_outputs,
    encode_warnings,
)

OUTPUT = StoredOutput(
    index=1,
    seed=8,
    key="jobs/a/b/1.png",
    content_type="image/png",
    width=64,
    height=32,
    size_bytes=100,
    sha256="f1",
    pixel_sha256="p1",
)


def test_outputs_and_warnings_are_decoded_as_they_were_encoded() -> None:
    warnings = (JobWarning(code="vae_tiling", message="naïve"),)
    assert decode_outputs(encode_outputs([OUTPUT])) == (OUTPUT,)
    assert decode_warnings(encode_warnings(warnings)) == warnings


def test_an_output_is_a_flat_compact_object() -> None:
    text = encode_outputs([OUTPUT])
    keys = {
        "index",
        "seed",
        "key",
        "content_type",
        "width",
        "height",
        "size_bytes",
        "sha256",
        "pixel_sha256",
        "thumbnail",
    }
    assert set(json.loads(text)[0]) == keys
    assert ", " not in text


def test_what_is_not_written_yet_is_empty() -> None:
    assert (decode_outputs(None), decode_warnings(None), decode_grid(None)) == ((), (), None)
    assert (decode_progress(None).fraction, decode_metrics(None).load_ms, decode_runtime(None).device) == (
        0,
        None,
        None,
    )


@pytest.mark.parametrize(("text", "fraction"), [('{"step":3,"steps":12}', 0.25), ('{"step":3}', 0.0), ("{}", 0.0)])
def test_the_fraction_of_the_progress_is_that_of_its_steps(text: str, fraction: float) -> None:
    assert decode_progress(text).fraction == fraction


def test_keys_of_a_newer_version_are_ignored() -> None:
    assert decode_progress('{"step":1,"steps":2,"images_done":0,"from_the_future":1}') == StoredProgress(
        step=1, steps=2
    )


def test_an_output_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError):
        decode_outputs('[{"index":0,"seed":1}]')
