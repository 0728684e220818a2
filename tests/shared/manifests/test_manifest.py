"""A manifest restores a job that can be displayed and that references only its own images."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from renderq.contract import Status
from renderq_shared.errors import ManifestInvalid
from renderq_shared.jobs import JobRecord
from renderq_shared.manifests.manifest import MAX_MANIFEST_BYTES, encode_manifest, read_manifest

ID = "job_01m88734m8d43rjz0d8qwxwqgv"
FILE = {"content_type": "image/png", "width": 64, "height": 64, "size_bytes": 1, "sha256": "", "pixel_sha256": ""}
THUMBNAIL = {"width": 320, "height": 160, "size_bytes": 1, "key": f"jobs/{ID}/c1/0.thumbnail.webp"}
OUTPUT = {**FILE, "index": 0, "seed": 7, "key": f"jobs/{ID}/c1/0.png", "thumbnail": THUMBNAIL}
GRID = {**FILE, "columns": 1, "rows": 1, "key": f"jobs/{ID}/c1/grid.png"}
JOB = JobRecord(
    id=ID,
    tenant="alice",
    task="txt2img",
    model="shapes",
    status=Status.SUCCEEDED,
    version=5,
    request_json=json.dumps({"prompt": "x", "metadata": {"order": "A-17"}}),
    images=1,
    priority=0,
    sequence=1,
    created_ms=1_795_572_208_265,
    attempt=1,
    lost_leases=0,
    max_attempts=3,
    quarantined=False,
    started_ms=1_795_572_208_300,
    completed_ms=1_795_572_208_433,
    claim_id="c1",
    worker="w1",
    progress_json='{"step": 4, "steps": 4, "images_done": 1}',
    outputs_json=json.dumps([OUTPUT]),
    grid_json=json.dumps(GRID),
    metrics_json='{"load_ms": 0, "batch_width_mean": 2.0}',
    runtime_json='{"device": "cpu", "exactness": "stock"}',
)


def chunks(**changed: str) -> Iterable[bytes]:
    parsed = json.loads(encode_manifest(JOB))
    parsed["job"] |= changed
    yield json.dumps(parsed).encode()


def test_a_manifest_says_what_the_record_said() -> None:
    assert read_manifest(chunks()) == JOB


@pytest.mark.parametrize(
    "changed",
    [
        {"labels_json": "x"},
        {"labels_json": '{"a": 1}'},
        {"outputs_json": json.dumps([{**OUTPUT, "key": "jobs/job_01m88734m8d43rjz0d8qwxwqg0/c1/0.png"}])},
        {"outputs_json": json.dumps([{**OUTPUT, "thumbnail": {**THUMBNAIL, "key": "assets/x/0.webp"}}])},
        {"outputs_json": json.dumps([{**OUTPUT, "key": f"jobs/{ID}/../../secret.png"}])},
        {"outputs_json": json.dumps([{**OUTPUT, "index": ""}])},
        {"outputs_json": "[7]"},
        {"outputs_json": "[" * 100_000},
        {"grid_json": json.dumps({**GRID, "key": "assets/alice/x/input.png"})},
        {"grid_json": json.dumps({**GRID, "key": "/etc/passwd"})},
        {"tenant": "alice:bob"},
        {"tenant": ""},
        {"status": "running"},
        {"status": "done"},
        {"created_ms": "9" * 400},
        {"created_ms": "-1"},
        {"completed_ms": str(2**60)},
        {"version": "1e400"},
        {"cost": "nan"},
        {"priority": "-99"},
        {"request_json": "[]"},
        {"request_json": '{"prompt": "x"}'},
        {"request_json": '{"metadata": {"a": 1}}'},
        {"error_json": '{"code": "because"}'},
        {"warnings_json": '[{"code": 1}]'},
        {"metrics_json": '{"load_ms": "long"}'},
        {"progress_json": '{"step": []}'},
        {"runtime_json": '{"device": 3}'},
        {"batch_id": "batch_x"},
        {"batch_json": '{"index": 0, "jobs": 1}'},
        {"batch_id": "batch_x", "batch_json": '{"index": 0, "jobs": 1}'},
        {"batch_id": ID, "batch_json": '{"index": 0, "jobs": 1}'},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_could_not_be_shown_or_is_anothers_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ManifestInvalid):
        read_manifest(chunks(**changed))


def test_a_job_stays_in_its_batch() -> None:
    batch = {"batch_id": "batch_01m88734m8d43rjz0d8qwxwqgw", "batch_json": '{"index": 0, "jobs": 1}'}
    assert read_manifest(chunks(**batch)) == replace(JOB, **batch)


def test_no_more_is_read_than_a_manifest_can_have() -> None:
    def endless() -> Iterable[bytes]:
        for _ in range(MAX_MANIFEST_BYTES // 1024 + 1):
            yield b" " * 1024
        raise AssertionError("it did not stop reading")

    with pytest.raises(ManifestInvalid, match="bytes"):
        read_manifest(endless())
