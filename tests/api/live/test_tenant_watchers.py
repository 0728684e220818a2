"""Watchers of tenants: what a slow reader keeps, and what many streams cost."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from renderq.contract import Status
from renderq_api.auth import Caller
from renderq_api.job_views.job_view import to_place
from renderq_api.live import Ready, SharedResults, TenantWatchers
from renderq_api.live.tenant_watcher import TenantWatcher
from renderq_shared.access import Role
from renderq_shared.jobs import Command, JobRecord, Outcome, PreviewMessage, commands
from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.jobs.redis import Change, Deletion
from tests.job_store.factories import claim, claim_ref, submit

ADA, BOB = Caller("ada", Role.USER), Caller("bob", Role.USER)


class CountingStore:
    """The in-memory store for event loops; counts its commands."""

    def __init__(self) -> None:
        self.store = MemoryJobStore()
        self.calls: Counter[str] = Counter()

    async def call(self, command: Command[Any]) -> Any:
        self.calls[command.name] += 1
        return self.store.call(command)


async def taken(watcher: TenantWatcher) -> list[Any]:
    """Take what is pending."""
    updates: list[Any] = []
    while True:
        try:
            async with asyncio.timeout(0):
                updates.append(await watcher.next_update())
        except TimeoutError:
            return updates


async def test_the_newest_of_each_job_waits_for_a_slow_reader() -> None:
    records: list[JobRecord] = []
    store, watcher = MemoryJobStore(on_change=records.append), TenantWatcher(ADA)
    submit(store, "job_1")
    submit(store, "job_2")
    claimed = claim_ref(claim(store))
    for record in records:
        watcher.notify(record)
    watcher.notify_preview(PreviewMessage("job_1", 0, "{}"))
    assert await taken(watcher) == [Ready(), records[2], records[1], PreviewMessage("job_1", 0, "{}")]
    watcher.notify_preview(PreviewMessage("job_1", 0, "{}"))
    store.call(commands.finish(claimed, Outcome(Status.SUCCEEDED)))
    watcher.notify(records[-1])
    assert await taken(watcher) == [records[-1]], "no preview follows the end of its job"
    watcher.notify(records[-1])
    watcher.notify_deletion(Deletion("job_1", "ada"))
    assert await taken(watcher) == [Deletion("job_1", "ada")]


async def test_a_reader_that_is_far_behind_lists_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_watcher.MAX_PENDING", 10)
    records: list[JobRecord] = []
    store, watcher = MemoryJobStore(on_change=records.append), TenantWatcher(ADA)
    for number in range(25):
        submit(store, f"job_{number}")
        watcher.notify(records[-1])
    updates = await taken(watcher)
    assert (updates[0], len(updates)) == (Ready(), 8)
    assert updates[1:] == records[-7:]


async def test_streams_of_a_tenant_share_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = CountingStore()
    watchers = TenantWatchers(jobs, ("shapes",), lambda job: to_place(job, None), lambda caller: True)
    with watchers.watch(ADA), watchers.watch(ADA), watchers.watch(ADA), watchers.watch(BOB) as last:
        refresh = asyncio.create_task(watchers.run())
        kinds = [type(await last.next_update()).__name__ for _ in range(3)]
        refresh.cancel()
    assert kinds == ["Ready", "Stats", "Places"]
    assert jobs.calls == {"stats": 1, "queued_jobs": 2}


async def test_many_tenants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.live.tenant_watchers._MAX_TENANTS", 1)
    monkeypatch.setattr("renderq_api.live.tenant_watchers.INTERVAL_S", 0)
    watchers = TenantWatchers(CountingStore(), (), lambda job: to_place(job, None), lambda caller: True)
    with watchers.watch(ADA) as ada, watchers.watch(BOB) as bob:
        refresh = asyncio.create_task(watchers.run())
        for watcher in (ada, bob):
            while type(await watcher.next_update()).__name__ != "Places":
                pass
        refresh.cancel()


async def test_a_change_reaches_the_streams_of_its_tenant_alone() -> None:
    records: list[JobRecord] = []
    submit(MemoryJobStore(on_change=records.append), "job_1")
    watchers = TenantWatchers(CountingStore(), (), lambda job: to_place(job, None), lambda caller: True)
    with watchers.watch(ADA) as ada, watchers.watch(BOB) as bob:
        watchers.dispatch(Change("job_1", "ada", 1, records[0]))
        watchers.dispatch(Deletion("job_2", "ada"))
        assert await taken(ada) == [Ready(), records[0], Deletion("job_2", "ada")]
        assert await taken(bob) == [Ready()]


async def test_a_shared_result_is_computed_once() -> None:
    results, calls = SharedResults[int](size=2), Counter[str]()

    async def compute(key: str) -> int:
        calls[key] += 1
        await asyncio.sleep(0)
        if key == "bad" and calls[key] == 1:
            raise ValueError(key)
        return calls[key]

    async def get(key: str) -> int:
        return await results.get(key, lambda: compute(key))

    assert await asyncio.gather(get("a"), get("a"), get("b")) == [1, 1, 1]
    failed = await asyncio.gather(get("bad"), get("bad"), return_exceptions=True)
    assert [str(error) for error in failed] == ["bad", "bad"]
    assert await get("bad") == 2
    assert await get("a") == 2, "only the latest are kept"
