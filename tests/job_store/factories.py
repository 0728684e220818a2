"""Factories and shortcuts for tests of the job store."""

from dataclasses import replace

from renderq.contract import Status
from renderq_shared.jobs import (
    Candidate,
    ClaimRef,
    ClaimRequest,
    Idempotency,
    JobRecord,
    JobStore,
    NewAsset,
    NewBatch,
    NewJob,
    Outcome,
    QueueLimits,
    WorkerRecord,
    commands,
)

LEASE_MS = 15_000
NO_LIMITS = QueueLimits(total=1_000_000, per_tenant=1_000_000)
SUCCEEDED = Outcome(Status.SUCCEEDED)


def new_job(job_id: str, tenant: str = "ada", **fields: object) -> NewJob:
    default = NewJob(
        id=job_id,
        tenant=tenant,
        task="txt2img",
        model="shapes",
        request_json='{"prompt": "a red circle"}',
        images=1,
        cost=1.0,
        priority=0,
        max_attempts=3,
    )
    return replace(default, **fields)


def new_batch(
    batch_id: str,
    jobs: int,
    tenant: str = "ada",
    *,
    weight: float = 1.0,
    idempotency: Idempotency | None = None,
    **fields: object,
) -> NewBatch:
    """Return a batch whose jobs are named after it and their indexes."""
    name = batch_id.removeprefix("batch_")
    members = tuple(
        new_job(f"job_{name}{index}", tenant, batch_id=batch_id, batch_json=f'{{"index":{index}}}', **fields)
        for index in range(jobs)
    )
    return NewBatch(batch_id, tenant, members, weight, idempotency)


def submit(store: JobStore, job_id: str, tenant: str = "ada", **fields: object) -> JobRecord:
    record = store.call(commands.submit(new_job(job_id, tenant, **fields), NO_LIMITS)).record
    assert record is not None
    return record


def claim(
    store: JobStore,
    claim_id: str = "claim",
    *candidates: Candidate,
    by: str = "worker",
    engine_empty: bool = True,
    engine_quarantined: bool = False,
    switch_after_ms: int = 10_000,
    lease_ms: int = LEASE_MS,
    excluded: tuple[str, ...] = (),
) -> JobRecord | None:
    candidates = candidates or (Candidate("shapes", resident=True),)
    request = ClaimRequest(
        claim_id, by, lease_ms, candidates, engine_empty, switch_after_ms, engine_quarantined, excluded
    )
    return store.call(commands.claim(request))


def claimed_job_ids(store: JobStore, count: int) -> list[str]:
    """Claim up to `count` jobs; return their ids in the order of the claims."""
    claimed = [claim(store, f"claim-{number}") for number in range(count)]
    return [job.id for job in claimed if job]


def claim_ref(job: JobRecord | None) -> ClaimRef:
    assert job is not None
    assert job.claim_id is not None
    return ClaimRef(job.id, job.claim_id)


def get_job(store: JobStore, job_id: str, tenant: str = "ada") -> JobRecord:
    found = store.call(commands.get_job(tenant, job_id))
    assert found is not None
    return found[0]


def jobs_ahead(store: JobStore, job_id: str, tenant: str = "ada") -> int:
    found = store.call(commands.get_job(tenant, job_id))
    assert found is not None
    assert found[1] is not None
    return found[1].jobs_ahead


def new_asset(version: str = "1", tenant: str = "ada", asset_id: str = "asset_a") -> NewAsset:
    return NewAsset(asset_id, tenant, f"assets/{tenant}/{version}/{asset_id}.png", "image/png", 64, 48, 1_000)


def worker_record(worker_id: str = "w1", *models: str, **fields: object) -> WorkerRecord:
    default = WorkerRecord(worker_id, "cpu", models or ("shapes",), (), 0, draining=False, started_ms=0, seen_ms=0)
    return replace(default, **fields)
