"""Positions of all queued jobs of a tenant, in one call."""

from renderq_shared.jobs import JobStore, QueuedJob, commands
from tests.job_store.factories import claim, jobs_ahead, submit, worker_record


def queued_ids(store: JobStore, limit: int = 100, tenant: str = "ada") -> list[str]:
    return [job.id for job in store.call(commands.queued_jobs(tenant, limit))]


def test_each_queued_job_has_the_position_that_it_has_alone(store: JobStore) -> None:
    store.call(commands.register(worker_record(), 30_000))
    for number in range(4):
        submit(store, f"ada_{number}", cost=number + 1.0, images=number + 1)
        submit(store, f"bob_{number}", "bob", weight=3.0)
    running = claim(store)
    assert running is not None
    queued = store.call(commands.queued_jobs("ada", 100))
    assert [job.id for job in queued] == [f"ada_{number}" for number in range(4) if f"ada_{number}" != running.id]
    for job in queued:
        found = store.call(commands.get_job("ada", job.id))
        assert found is not None
        assert job == QueuedJob(job.id, "shapes", found[0].images, found[0].cost, found[1])
        assert job.position.has_worker


def test_the_first_ones_of_all_models_come_first(store: JobStore) -> None:
    for number in range(3):
        submit(store, f"one_{number}")
    submit(store, "other_0", model="other")
    submit(store, "one_urgent", priority=5)
    assert queued_ids(store) == ["other_0", "one_urgent", "one_0", "one_1", "one_2"]
    assert queued_ids(store, limit=3) == ["other_0", "one_urgent", "one_0"]
    assert [jobs_ahead(store, job_id) for job_id in queued_ids(store)] == [0, 0, 1, 2, 3]


def test_a_tenant_without_queued_jobs_has_none(store: JobStore) -> None:
    submit(store, "job_1")
    assert queued_ids(store, tenant="bob") == []
    claim(store)
    assert queued_ids(store) == []


def test_a_paused_tenant_keeps_its_positions(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    store.call(commands.pause_tenant("ada", True))
    assert [(job.id, job.position.paused) for job in store.call(commands.queued_jobs("ada", 9))] == [
        ("job_1", True),
        ("job_2", True),
    ]
