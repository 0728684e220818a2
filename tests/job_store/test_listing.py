"""Listing: a tenant's jobs, newest first, in pages."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderq.contract import Status
from renderq_shared.jobs import JobFilter, JobPage, JobStore, commands
from tests.job_store.factories import claim, get_job, submit
from tests.job_store.store_backends import StoreBackend

ALL = JobFilter()


def pages(store: JobStore, job_filter: JobFilter = ALL, limit: int = 2, scan_limit: int = 100) -> Iterator[JobPage]:
    page = JobPage((), None)
    while True:
        page = store.call(commands.page("ada", job_filter, limit, scan_limit, page.last))
        yield page
        if page.last is None:
            return


def ids(page: JobPage) -> list[str]:
    return [record.id for record in page.records]


def listed(store: JobStore, job_filter: JobFilter = ALL, limit: int = 2, scan_limit: int = 100) -> list[str]:
    return [job_id for page in pages(store, job_filter, limit, scan_limit) for job_id in ids(page)]


def test_there_is_nothing_yet(store: JobStore) -> None:
    assert store.call(commands.page("ada", ALL, 10, 100)) == JobPage((), None)


def test_the_newest_come_first_and_the_last_page_says_that_it_is(backend: StoreBackend) -> None:
    for number in range(4):
        submit(backend.store, f"job_{number}")
        backend.advance(1_000)
    assert [ids(page) for page in pages(backend.store)] == [["job_3", "job_2"], ["job_1", "job_0"]]
    assert backend.store.call(commands.page("ada", ALL, 1, 100)).records == (get_job(backend.store, "job_3"),)


def test_jobs_of_one_millisecond_are_all_listed(store: JobStore) -> None:
    names = {f"job_{number}" for number in range(9)}
    for name in names:
        submit(store, name)
    for limit in (1, 2, 4):
        found = listed(store, limit=limit)
        assert (len(found), set(found)) == (9, names)


def test_others_jobs_are_not_listed(store: JobStore) -> None:
    submit(store, "job_a", "ada")
    submit(store, "job_b", "bob")
    assert listed(store) == ["job_a"]


@pytest.mark.parametrize(
    ("job_filter", "found"),
    [
        (JobFilter(status=Status.CANCELED), ["job_2"]),
        (JobFilter(status=Status.RUNNING), ["job_0"]),
        (JobFilter(model="other"), ["job_3", "job_2"]),
        (JobFilter(task="img2img"), ["job_1"]),
        (JobFilter(model="other", status=Status.QUEUED), ["job_3"]),
        (JobFilter(model="unknown"), []),
    ],
)
def test_filters(backend: StoreBackend, job_filter: JobFilter, found: list[str]) -> None:
    kinds = {"job_0": "shapes txt2img", "job_1": "shapes img2img", "job_2": "other txt2img", "job_3": "other txt2img"}
    for name, kind in kinds.items():
        model, task = kind.split()
        submit(backend.store, name, model=model, task=task)
        backend.advance(1_000)
    claim(backend.store)
    backend.store.call(commands.cancel("ada", "job_2"))
    assert listed(backend.store, job_filter) == found
    assert listed(backend.store, job_filter, limit=1) == found


def test_times_leave_out_their_own_moment(backend: StoreBackend) -> None:
    for number in range(3):
        submit(backend.store, f"job_{number}")
        backend.advance(1_000)
    moments = [get_job(backend.store, f"job_{number}").created_ms for number in range(3)]
    assert listed(backend.store, JobFilter(created_after_ms=moments[0])) == ["job_2", "job_1"]
    assert listed(backend.store, JobFilter(created_before_ms=moments[2])) == ["job_1", "job_0"]
    between = JobFilter(created_after_ms=moments[0] - 1, created_before_ms=moments[1] + 1)
    assert [ids(page) for page in pages(backend.store, between, limit=1)] == [["job_1"], ["job_0"]]


def test_a_page_is_short_rather_than_slow(backend: StoreBackend) -> None:
    for number in range(8):
        submit(backend.store, f"job_{number}")
        backend.advance(1_000)
    backend.store.call(commands.cancel("ada", "job_0"))
    canceled = JobFilter(status=Status.CANCELED)
    assert [ids(page) for page in pages(backend.store, canceled, limit=5, scan_limit=3)] == [[], [], ["job_0"]]


def test_a_list_is_longer_than_what_the_store_reads_at_once(store: JobStore) -> None:
    for number in range(230):
        submit(store, f"job_{number}")
    assert len(listed(store, limit=1_000, scan_limit=1_000)) == len(set(listed(store, limit=90))) == 230


@settings(
    max_examples=40,
    deadline=None,
    # One backend serves all examples, so each example has its own tenant.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    first=st.integers(0, 8),
    limit=st.integers(1, 4),
    scan_limit=st.integers(1, 5),
    between=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["nothing", "cancel", "claim"])), max_size=8),
)
def test_paging_shows_every_job_once_even_if_jobs_are_added_meanwhile(
    reliable_backend: StoreBackend, first: int, limit: int, scan_limit: int, between: list[tuple[int, str]]
) -> None:
    store, tenant = reliable_backend.store, uuid4().hex
    before = [submit(store, f"{tenant}-{number:02}", tenant).id for number in range(first)]
    seen: list[str] = []
    page, events = JobPage((), None), iter(between)
    while True:
        page = store.call(commands.page(tenant, ALL, limit, scan_limit, page.last))
        assert len(page.records) <= limit
        seen += ids(page)
        if page.last is None:
            break
        new_jobs, change = next(events, (0, "nothing"))
        for number in range(new_jobs):
            submit(store, f"{tenant}-new-{len(seen)}-{number}", tenant)
        if change == "cancel":
            store.call(commands.cancel(tenant, before[len(seen) % first]))
        elif change == "claim":
            claim(store, uuid4().hex)
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)
