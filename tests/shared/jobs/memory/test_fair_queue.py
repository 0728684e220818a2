"""Properties of the fair queue: backlogged tenants are served by weight, up to one job; moves order like a list."""

from hypothesis import given
from hypothesis import strategies as st

from renderq_shared.jobs.memory.fair_queue import FairQueue, QueueEntry

costs = st.lists(st.sampled_from([0.5, 1.0, 3.0, 10.0]), min_size=60, max_size=60)
weights = st.sampled_from([0.1, 1.0, 3.0])


@given(
    ada=costs,
    bob=costs,
    ada_weight=weights,
    bob_weight=weights,
    head_start=st.integers(0, 20),
    served=st.integers(0, 40),
)
def test_backlogged_tenants_differ_by_at_most_one_job_each(
    ada: list[float], bob: list[float], ada_weight: float, bob_weight: float, head_start: int, served: int
) -> None:
    weight = {"ada": ada_weight, "bob": bob_weight}
    queue = FairQueue(weight)
    jobs = {f"{tenant}_{n}": cost for tenant, list_ in (("ada", ada), ("bob", bob)) for n, cost in enumerate(list_)}

    def enqueue(tenant: str) -> None:
        for number in range(60):
            queue.enqueue(tenant, QueueEntry.of(0, number, f"{tenant}_{number}", number))

    def serve() -> tuple[str, float]:
        job_id = next(iter(queue.heads()), None)
        assert job_id is not None
        tenant = job_id.split("_")[0]
        queue.take(tenant, job_id, jobs[job_id])
        return tenant, jobs[job_id]

    enqueue("ada")
    for _ in range(head_start):
        serve()
    enqueue("bob")
    work = {"ada": 0.0, "bob": 0.0}
    for _ in range(min(served, 60 - head_start)):
        tenant, cost = serve()
        work[tenant] += cost / weight[tenant]
    # The bound of start-time fair queueing: the sum of each tenant's largest job divided by its weight.
    assert abs(work["ada"] - work["bob"]) <= max(ada) / ada_weight + max(bob) / bob_weight + 1e-9


@given(
    priorities=st.lists(st.integers(-1, 1), min_size=1, max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12),
)
def test_moved_jobs_are_ordered_like_a_list_and_return_to_their_places(
    priorities: list[int], moves: list[tuple[int, int]]
) -> None:
    queue = FairQueue({})
    for number, priority in enumerate(priorities):
        queue.enqueue("ada", QueueEntry.of(priority, number, f"job_{number}", number))
    expected = queue.jobs("ada")
    entries = {}
    for number, position in moves:
        job_id, index = f"job_{number % len(priorities)}", position % len(priorities)
        expected.insert(index, expected.pop(expected.index(job_id)))
        entries |= {entry.job_id: entry for entry in queue.move("ada", job_id, index)}
        assert queue.jobs("ada") == expected
    for entry in entries.values():
        queue.dequeue("ada", entry.job_id)
        queue.enqueue("ada", entry)
        assert queue.jobs("ada") == expected
