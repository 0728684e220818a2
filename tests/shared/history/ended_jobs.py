"""Factories of ended jobs and their webhook deliveries."""

import json
from dataclasses import replace

from renderq.contract import DeliveryStatus, Status
from renderq_shared.jobs import DeliveryRecord, JobRecord

DAY_MS = 86_400_000
MIDNIGHT_MS = 1_795_564_800_000
"""2026-11-25T00:00:00Z."""


def output(index: int, width: int = 64, height: int = 64, size_bytes: int = 100) -> dict[str, object]:
    file = {"key": f"jobs/x/c1/{index}.png", "content_type": "image/png", "sha256": "ab", "pixel_sha256": "cd"}
    return file | {"index": index, "seed": 7, "width": width, "height": height, "size_bytes": size_bytes}


def ended_job(
    job_id: str,
    *,
    tenant: str = "ada",
    prompt: str = "a red circle",
    negative_prompt: str = "",
    metadata: dict[str, str] | None = None,
    seed: int = 7,
    outputs: int = 1,
    **fields: object,
) -> JobRecord:
    request = {"prompt": prompt, "negative_prompt": negative_prompt, "seed": seed, "metadata": metadata or {}}
    default = JobRecord(
        id=job_id,
        tenant=tenant,
        task="txt2img",
        model="shapes",
        status=Status.SUCCEEDED,
        version=5,
        request_json=json.dumps(request),
        images=1,
        priority=0,
        sequence=1,
        created_ms=MIDNIGHT_MS,
        attempt=1,
        lost_leases=0,
        max_attempts=3,
        quarantined=False,
        started_ms=MIDNIGHT_MS + 10,
        completed_ms=MIDNIGHT_MS + 1_000,
        claim_id="c1",
        worker="w1",
        progress_json='{"step": 20, "steps": 20, "images_done": 1}',
        outputs_json=json.dumps([output(index) for index in range(outputs)]),
        metrics_json='{"inference_ms": 700}',
    )
    return replace(default, **fields)


def failed_job(job_id: str, code: str = "nan_output", **fields: object) -> JobRecord:
    error = json.dumps({"code": code, "message": "It failed.", "retryable": False})
    return ended_job(job_id, status=Status.FAILED, error_json=error, outputs=0, **fields)


def delivery(job_id: str, log_json: str | None = "[]") -> DeliveryRecord:
    name, job = job_id.removeprefix("job_"), replace(ended_job(job_id), request_json='{"prompt":"nul \\u0000"}')
    return DeliveryRecord(
        f"msg_{name}_succeeded",
        job_id,
        *("ada", "a.test:8080", "job.succeeded", DeliveryStatus.DELIVERED, MIDNIGHT_MS, 3, job),
        log_json=log_json,
    )
