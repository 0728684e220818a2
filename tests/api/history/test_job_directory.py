"""Lists of jobs that are in the job store and in the history."""

from pathlib import Path

from renderq_api.history.job_directory import JobDirectory
from renderq_shared.history import HistoryFilter, open_history
from renderq_shared.history_url import sqlite_url
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import AsyncRedisJobStore
from renderq_shared.redis.clients import async_client
from tests.job_store.factories import NO_LIMITS, new_job


async def test_a_job_that_changed_since_is_found_by_what_the_job_store_has(redis_url: str, tmp_path: Path) -> None:
    async with open_history(sqlite_url(str(tmp_path / "history.db"))) as history, async_client(redis_url) as client:
        await history.migrate()
        jobs, labeled = AsyncRedisJobStore(client), HistoryFilter(labels=("a",))
        await jobs.call(commands.submit(new_job("job_1"), NO_LIMITS))
        await jobs.call(commands.cancel("ada", "job_1"))
        archived = await jobs.call(commands.annotate("ada", "job_1", kept=None, labels_json='["a"]'))
        assert archived is not None
        await history.archive([archived])
        directory = JobDirectory(jobs, history)
        assert (await directory.page("ada", labeled, 10, None)).records == (archived,)
        await directory.annotate("ada", "job_1", None, [])
        assert (await directory.page("ada", labeled, 10, None)).records == ()
