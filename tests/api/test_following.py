"""What a stream tells when Redis does not answer."""

from collections.abc import AsyncGenerator

import pytest

from renderq.contract import Status
from renderq_api.following import News, follow
from renderq_api.waiting import Found
from renderq_api.watching import Watching
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import MemoryJobStore, PreviewChannels, Reconnected
from tests.contract.building import claim, held, read, submit


async def silence(_: PreviewChannels) -> AsyncGenerator[Reconnected]:
    return
    yield


async def away() -> Found | None:
    raise StoreUnavailable("Redis is away")


async def test_what_a_message_told_is_passed_on_though_the_place_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("renderq_api.following.HEARTBEAT_S", 0.05)
    store = MemoryJobStore()
    submit(store, "job_1")
    running = claim(store)
    assert running is not None
    watching = Watching(silence)
    with watching.watch("job_1") as watcher:
        stream = follow(watching, watcher, away, (running, None), None)
        await anext(stream)
        store.requeue(held(running))
        watcher.tell(read(store, "job_1"))
        news = await anext(stream)
        await stream.aclose()
    assert isinstance(news, News)
    assert (news.name, news.found[0].status) == ("status", Status.QUEUED)
