"""Differential test: for any sequence of commands, the Redis store behaves like the in-memory reference model."""

from dataclasses import replace

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from renderq.contract import WEBHOOK_EVENT_TYPES, DeliveryStatus, Status
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    Candidate,
    ClaimRef,
    ClaimRequest,
    DeliveryClaim,
    DeliveryResult,
    Idempotency,
    JobTiming,
    JobUpdate,
    MoveTarget,
    NewAsset,
    NewBatch,
    NewJob,
    Outcome,
    PurgedJob,
    PurgeRecord,
    QueueLimits,
    Retention,
    SubmitOutcome,
    WorkerRecord,
    commands,
)
from renderq_shared.redis.clients import sync_client
from tests.shared.jobs.store_pair import StorePair, check_keys, check_outbox, virtual_times

STEP_MS = 6_000_000
LEASE_MS = 13_000_000
TTL_MS = 8_000_000
LIMITS = QueueLimits(total=12, per_tenant=8)

tenants = st.sampled_from(["ada", "bob:x"])
models = st.sampled_from(["shapes", "other"])
names = st.sampled_from(["w1", "w2", "w3"])
candidates = st.tuples(
    st.builds(Candidate, st.just("shapes"), st.booleans(), st.booleans()),
    st.builds(Candidate, st.just("other"), st.booleans(), st.booleans()),
).flatmap(st.permutations)
texts = st.sampled_from(['{"step": 1, "steps": 3}', '{"step": 2, "steps": 3}'])
updates = st.builds(
    JobUpdate,
    stage=st.sampled_from([None, "encoding", "denoising"]),
    progress_json=st.none() | texts,
    outputs_json=st.none() | st.just("[1]"),
    finished=st.sampled_from([(), (0,), (2, 0)]),
)
outcomes = st.builds(
    Outcome,
    status=st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]),
    error_json=st.none() | st.just("{}"),
    update=updates,
    cost=st.none() | st.sampled_from([0.5, 1.0, 8.0]),
    timing=st.none() | st.builds(JobTiming, st.sampled_from(["cpu", "cuda:0 a card"]), st.just(70), st.just(5)),
)
keys = st.none() | st.none() | st.builds(Idempotency, st.sampled_from(["k1", "k2"]), st.sampled_from(["f1", "f2"]))

new_jobs = st.builds(
    NewJob,
    id=st.just("given later"),
    tenant=tenants,
    task=st.just("txt2img"),
    model=models,
    request_json=st.just('{"prompt": "ein Kreis, grün"}'),
    images=st.just(3),
    cost=st.sampled_from([1.0, 2.5]),
    priority=st.integers(-1, 1),
    max_attempts=st.sampled_from([1, 2, 3]),
    deadline_ms=st.sampled_from([None, None, 5_000_000, 10_000_000]),
    idempotency=keys,
    retried_from=st.sampled_from([None, "job_0001"]),
    door=st.sampled_from([None, "openai"]),
    weight=st.sampled_from([1.0, 1.0, 3.0, 0.7]),
    assets=st.sampled_from([(), (), (), ("asset_a",), ("asset_a", "asset_b")]),
    webhook_events=st.sampled_from([(), WEBHOOK_EVENT_TYPES, ("job.output", "job.succeeded")]),
    webhook_host=st.sampled_from(["a.test", "b.test"]),
)

retentions = st.builds(
    Retention,
    archived_ms=st.sampled_from([None, 0, STEP_MS - 1]),
    assets_ms=st.sampled_from([None, 0, 2 * STEP_MS - 1]),
)


class StorePairMachine(RuleBasedStateMachine):
    """Random commands on both stores."""

    submitted = Bundle("submitted")
    claims = Bundle("claims")
    attempts = Bundle("attempts")
    uploads = Bundle("uploads")

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.pair = StorePair(client)
        self.count = 0
        self.virtual_now: dict[str, float] = {}

    def teardown(self) -> None:
        self.pair.close()

    @rule(target=submitted, jobs=st.lists(new_jobs, min_size=1, max_size=3), repeat=st.booleans())
    def submit(self, jobs: list[NewJob], repeat: bool):
        accepted: list[NewJob] = []
        for job in jobs:
            self.count += 1
            named = replace(job, id=f"job_{self.count:04}")
            if self.pair.run_on_both(commands.submit(named, LIMITS), repeat=repeat).outcome is SubmitOutcome.ACCEPTED:
                accepted.append(named)
        return multiple(*accepted)

    @rule(target=submitted, jobs=st.lists(new_jobs, min_size=1, max_size=3), repeat=st.booleans())
    def submit_batch(self, jobs: list[NewJob], repeat: bool):
        self.count += 1
        batch_id = f"batch_{self.count:04}"
        named = [
            replace(
                job,
                id=f"{batch_id.replace('batch', 'job')}_{index}",
                tenant=jobs[0].tenant,
                idempotency=None,
                weight=jobs[0].weight,
                batch_id=batch_id,
                batch_json="{}",
            )
            for index, job in enumerate(jobs)
        ]
        batch = NewBatch(batch_id, jobs[0].tenant, tuple(named), jobs[0].weight, jobs[0].idempotency)
        result = self.pair.run_on_both(commands.submit_batch(batch, LIMITS), repeat=repeat)
        return multiple(*(named if result.outcome is SubmitOutcome.ACCEPTED else ()))

    @rule(job=submitted)
    def submit_again(self, job: NewJob) -> None:
        self.pair.run_on_both(commands.submit(job, LIMITS))

    @rule(
        target=claims,
        candidates=candidates,
        engine_empty=st.booleans(),
        engine_quarantined=st.booleans(),
        switch_after_ms=st.sampled_from([0, 7_000_000]),
        repeat=st.booleans(),
        name=names,
    )
    def claim(
        self,
        candidates: list[Candidate],
        engine_empty: bool,
        engine_quarantined: bool,
        switch_after_ms: int,
        repeat: bool,
        name: str,
    ):
        return self.claim_new(candidates, engine_empty, switch_after_ms, repeat, name, engine_quarantined)

    @rule(claim_ref=claims, candidates=candidates, engine_empty=st.booleans())
    def claim_again(self, claim_ref: ClaimRef, candidates: list[Candidate], engine_empty: bool) -> None:
        self.pair.run_on_both(
            commands.claim(ClaimRequest(claim_ref.claim_id, "w1", LEASE_MS, tuple(candidates), engine_empty, 0))
        )

    @rule(claim_refs=st.lists(claims, min_size=1, max_size=4))
    def renew(self, claim_refs: list[ClaimRef]) -> None:
        self.pair.run_on_both(commands.renew(claim_refs, LEASE_MS))

    @rule(claim_ref=claims, update=updates, repeat=st.booleans())
    def progress(self, claim_ref: ClaimRef, update: JobUpdate, repeat: bool) -> None:
        self.pair.run_on_both(commands.progress(claim_ref, update), repeat=repeat)

    @rule(claim_ref=claims, other=claims, looked_at=st.booleans())
    def show_previews(self, claim_ref: ClaimRef, other: ClaimRef, looked_at: bool) -> None:
        self.pair.watch_previews(claim_ref.job_id if looked_at else None)
        self.pair.run_on_both(commands.progress(claim_ref, JobUpdate()))
        self.pair.run_on_both(commands.publish_preview(claim_ref, claim_ref.claim_id))
        self.pair.run_on_both(commands.publish_preview(other, other.claim_id))

    @rule(claim_ref=claims, outcome=outcomes, repeat=st.booleans())
    def finish(self, claim_ref: ClaimRef, outcome: Outcome, repeat: bool) -> None:
        self.pair.run_on_both(commands.finish(claim_ref, outcome), repeat=repeat)

    @rule(claim_ref=claims, repeat=st.booleans())
    def requeue(self, claim_ref: ClaimRef, repeat: bool) -> None:
        self.pair.run_on_both(commands.requeue(claim_ref), repeat=repeat)

    @rule(target=claims, claim_ref=claims)
    def requeue_and_claim(self, claim_ref: ClaimRef):
        """Requeue and claim again, while the old claim continues to write."""
        self.pair.run_on_both(commands.requeue(claim_ref))
        both = [Candidate("shapes", resident=True), Candidate("other", resident=True)]
        new = self.claim_new(both, engine_empty=True)
        self.pair.run_on_both(commands.renew([claim_ref], LEASE_MS))
        self.pair.run_on_both(commands.progress(claim_ref, JobUpdate(stage="decoding")))
        self.pair.run_on_both(commands.finish(claim_ref, Outcome(Status.SUCCEEDED)))
        return new

    @rule(job=submitted, tenant=tenants, strange=st.booleans(), repeat=st.booleans())
    def cancel(self, job: NewJob, tenant: str, strange: bool, repeat: bool) -> None:
        self.pair.run_on_both(commands.cancel(tenant if strange else job.tenant, job.id), repeat=repeat)

    @rule(job=submitted, other=submitted, tenant=tenants, strange=st.booleans(), to=st.sampled_from(MoveTarget))
    def move(self, job: NewJob, other: NewJob, tenant: str, strange: bool, to: MoveTarget) -> None:
        self.pair.run_on_both(commands.move(tenant if strange else job.tenant, job.id, to, other.id), repeat=True)

    @rule(jobs=st.lists(submitted, max_size=4), tenant=tenants, only_queued=st.booleans())
    def cancel_jobs(self, jobs: list[NewJob], tenant: str, only_queued: bool) -> None:
        ids = [job.id for job in jobs]
        self.pair.run_on_both(commands.cancel_jobs(tenant, ids, only_queued=only_queued), repeat=True)

    @rule(job=submitted, tenant=tenants, strange=st.booleans(), was_archived=st.booleans(), repeat=st.booleans())
    def delete(self, job: NewJob, tenant: str, strange: bool, was_archived: bool, repeat: bool) -> None:
        command = commands.delete(tenant if strange else job.tenant, job.id, was_archived=was_archived)
        self.pair.run_on_both(command, repeat=repeat)

    @rule(model=models, paused=st.booleans(), repeat=st.booleans())
    def pause_model(self, model: str, paused: bool, repeat: bool) -> None:
        self.pair.run_on_both(commands.pause_model(model, paused), repeat=repeat)

    @rule(tenant=tenants, paused=st.booleans(), repeat=st.booleans())
    def pause_tenant(self, tenant: str, paused: bool, repeat: bool) -> None:
        self.pair.run_on_both(commands.pause_tenant(tenant, paused), repeat=repeat)

    @rule(tenant=tenants, model=models, repeat=st.booleans())
    def choose_model(self, tenant: str, model: str, repeat: bool) -> None:
        self.pair.run_on_both(commands.choose_model(tenant, model), repeat=repeat)
        self.pair.run_on_both(commands.chosen_model(tenant), repeat=repeat)

    @rule(keep=retentions, limit=st.sampled_from([1, 100]), is_confirmed=st.booleans())
    def apply_retention(self, keep: Retention, limit: int, is_confirmed: bool) -> None:
        result = self.pair.run_on_both(commands.apply_retention(keep, LEASE_MS, limit))
        if is_confirmed:
            self.pair.run_on_both(commands.confirm_deleted(result.removals), repeat=True)
            versions = tuple(ArchivedVersion(job.id, job.version) for job in result.unarchived)
            self.pair.run_on_both(commands.confirm_archived(versions), repeat=True)
            self.pair.run_on_both(commands.confirm_deliveries(result.deliveries), repeat=True)

    @rule(job=submitted, version=st.integers(1, 6))
    def confirm_archived(self, job: NewJob, version: int) -> None:
        self.pair.run_on_both(commands.confirm_archived([ArchivedVersion(job.id, version)]), repeat=True)

    @rule(job=submitted, is_deleted=st.booleans())
    def remove_archived(self, job: NewJob, is_deleted: bool) -> None:
        removal = ArchivedRemoval(job.tenant, job.id, job.images, is_deleted)
        self.pair.run_on_both(commands.remove_archived([removal]), repeat=True)

    @rule(job=submitted, tenant=tenants, kept=st.none() | st.booleans(), labels=st.sampled_from([None, "[]", '["a"]']))
    def annotate(self, job: NewJob, tenant: str, kept: bool | None, labels: str | None) -> None:
        self.pair.run_on_both(commands.annotate(tenant, job.id, kept, labels), repeat=True)

    @rule(tenant=tenants, key=keys)
    def replay(self, tenant: str, key: Idempotency | None) -> None:
        if key:
            self.pair.run_on_both(commands.replay_submission(tenant, key))

    @rule(target=uploads, tenant=tenants, name=st.sampled_from(["asset_a", "asset_b"]), repeat=st.booleans())
    def reserve_asset(self, tenant: str, name: str, repeat: bool):
        self.count += 1
        key = f"assets/{tenant[:3]}/{self.count}/{name}.png"
        asset = NewAsset(name, tenant, key, "image/png", 8, 9, 10)
        self.pair.run_on_both(commands.reserve_asset(asset, STEP_MS - 1), repeat=repeat)
        return asset

    @rule(asset=uploads, repeat=st.booleans())
    def commit_asset(self, asset: NewAsset, repeat: bool) -> None:
        self.pair.run_on_both(commands.commit_asset(asset, STEP_MS - 1), repeat=repeat)
        for tenant in ("ada", "bob:x"):
            self.pair.run_on_both(commands.get_asset(tenant, asset.id))

    @rule(tenant=tenants, repeat=st.booleans())
    def start_purge(self, tenant: str, repeat: bool) -> None:
        self.pair.run_on_both(commands.start_purge(tenant), repeat=repeat)

    @rule(tenant=tenants, skip=st.integers(0, 2), limit=st.sampled_from([1, 100]), repeat=st.booleans())
    def purge(self, tenant: str, skip: int, limit: int, repeat: bool) -> None:
        self.pair.purge(tenant, skip, limit, repeat=repeat)

    @rule(job=submitted, repeat=st.booleans())
    def purge_archived(self, job: NewJob, repeat: bool) -> None:
        purged = [PurgedJob(job.id, job.images, is_removed_again=False)]
        self.pair.run_on_both(commands.purge_jobs(PurgeRecord(job.tenant, 0), purged), repeat=repeat)

    @rule(lease_ms=st.sampled_from([0, LEASE_MS]))
    def claim_purge(self, lease_ms: int) -> None:
        self.pair.run_on_both(commands.claim_purge(lease_ms))

    @rule(target=attempts, limit=st.sampled_from([1, 100]), repeat=st.booleans())
    def claim_deliveries(self, limit: int, repeat: bool):
        self.count += 1
        request = DeliveryClaim(f"sender_{self.count}", LEASE_MS, limit)
        found = self.pair.run_on_both(commands.claim_deliveries(request), repeat=repeat)
        return multiple(*(DeliveryResult(each.id, request.claim_id, each.status, "[]") for each in found))

    @rule(result=attempts, status=st.sampled_from(DeliveryStatus), delay_ms=st.sampled_from([0, STEP_MS - 1]))
    def complete_delivery(self, result: DeliveryResult, status: DeliveryStatus, delay_ms: int) -> None:
        self.pair.run_on_both(
            commands.complete_delivery(replace(result, status=status, delay_ms=delay_ms)), repeat=True
        )

    @rule(result=attempts, tenant=tenants, repeat=st.booleans())
    def replay_delivery(self, result: DeliveryResult, tenant: str, repeat: bool) -> None:
        self.pair.run_on_both(commands.replay_delivery(tenant, result.delivery_id), repeat=repeat)

    @rule(
        steps=st.integers(0, 2),
        name=names,
        models=st.none() | st.lists(models, unique=True),
        draining=st.booleans(),
        run_id=st.sampled_from(["first", "second"]),
    )
    def time_passes_and_a_worker_speaks(
        self, steps: int, name: str, models: list[str] | None, draining: bool, run_id: str
    ) -> None:
        self.pair.advance(steps * STEP_MS)
        if models is None:
            self.pair.run_on_both(commands.unregister(name), repeat=True)
        else:
            worker = WorkerRecord(name, "cpu", tuple(models), (), 1, draining, 0, 0, run_id)
            self.pair.run_on_both(commands.register(worker, TTL_MS), repeat=True)

    @rule(steps=st.integers(0, 2), name=names)
    def time_passes_and_a_worker_is_told_to_drain(self, steps: int, name: str) -> None:
        self.pair.advance(steps * STEP_MS)
        self.pair.run_on_both(commands.drain_worker(name), repeat=True)

    @rule(
        target=claims,
        pauses=st.sampled_from([(0,), (STEP_MS, STEP_MS, STEP_MS), (2 * STEP_MS,)]),
        limit=st.sampled_from([1, 100]),
        candidates=candidates,
    )
    def sweep(self, pauses: tuple[int, ...], limit: int, candidates: list[Candidate]):
        """Sweep at once, regularly while leases expire, or after an outage; then claim for a busy engine."""
        self.pair.run_on_both(commands.sweep(LEASE_MS, limit))
        for pause in pauses:
            self.pair.advance(pause)
            self.pair.run_on_both(commands.sweep(LEASE_MS, limit))
        return self.claim_new(candidates, engine_empty=False)

    def claim_new(
        self,
        candidates: list[Candidate],
        engine_empty: bool,
        switch_after_ms: int = 0,
        repeat: bool = False,
        name: str = "w1",
        engine_quarantined: bool = False,
    ):
        self.count += 1
        request = ClaimRequest(
            *(f"claim_{self.count}", name, LEASE_MS, tuple(candidates)),
            *(engine_empty, switch_after_ms, engine_quarantined),
        )
        job = self.pair.run_on_both(commands.claim(request), repeat=repeat)
        return ClaimRef(job.id, request.claim_id) if job else multiple()

    @invariant()
    def nothing_differs(self) -> None:
        self.pair.compare_jobs()
        check_keys(self.pair)
        check_outbox(self.pair)

    @invariant()
    def virtual_time_never_goes_back(self) -> None:
        now = virtual_times(self.pair)
        assert all(now[model] >= before for model, before in self.virtual_now.items())
        self.virtual_now = now


@pytest.mark.timeout(400)
def test_memory_and_redis_agree_whatever_happens(redis_url: str) -> None:
    thorough = settings(
        max_examples=25,
        derandomize=True,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with sync_client(redis_url) as client:
        run_state_machine_as_test(lambda: StorePairMachine(client), settings=thorough)
