"""A backlog of calls at OpenAI's door, and native jobs of another tenant."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from renderq_shared.access import KeyStore
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

CALLS, NATIVE = 200, 5


async def call_at_once(url: str, key: str) -> list[int]:
    """Make all calls concurrently; return the numbers of images that they got."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=240) as client:
        calls = (client.images.generate(prompt=f"circle {number}", response_format="url") for number in range(CALLS))
        return [len(made.data or ()) for made in await asyncio.gather(*calls)]


@pytest.mark.timeout(300)
def test_a_backlog_of_calls_takes_turns_with_native_jobs_of_another_tenant(
    keyed_api: RunningApi, keys: KeyStore, client_of: ClientOf, store: RedisJobStore
) -> None:
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.register()
    bob, key = client_of("bob"), make_key(keys, "ada", tenant="ada")
    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(asyncio.run, call_at_once(keyed_api.url, key))
        wait_until(lambda: len(store.call(commands.queued_jobs("ada", CALLS))) == CALLS, "the backlog", 120)
        for _ in range(NATIVE):
            assert bob.post("/v1/jobs", json={"prompt": "circle"}).status_code == 201
        tenants = [worker.finish(worker.claim()).tenant for _ in range(CALLS + NATIVE)]
        assert calls.result() == [1] * CALLS
    assert Counter(tenants[: 2 * NATIVE]) == {"ada": NATIVE, "bob": NATIVE}
