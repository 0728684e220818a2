"""Writers exclude each other, so that a deletion holds whatever other processes have read before."""

import asyncio

import psycopg
from sqlalchemy import insert
from sqlalchemy.dialects import postgresql

from renderq_shared.history import History, open_history
from renderq_shared.history.job_rows import job_rows
from renderq_shared.history.tables import jobs
from tests.shared.history.ended_jobs import ended_job

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def test_a_job_deleted_while_another_process_archives_it_stays_deleted(postgres_url: str) -> None:
    """The other process has looked for deleted jobs, and then waits for a row that a third one is inserting."""
    async with (
        open_history(postgres_url) as history,
        open_history(postgres_url) as other,
        await psycopg.AsyncConnection.connect(postgres_url) as third,
        await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as observer,
    ):
        await history.migrate()
        await third.execute(_inserting("job_a"))
        archive = asyncio.create_task(other.archive([ended_job("job_a"), ended_job("job_b")]))
        await _wait_for(observer, archive, waiting=1)
        deletion = asyncio.create_task(_archive_and_delete(history, "job_b"))
        await _wait_for(observer, deletion, waiting=2)
        await third.rollback()
        await asyncio.gather(archive, deletion)
        assert await history.get_job("ada", "job_b") is None


async def _archive_and_delete(history: History, job_id: str) -> None:
    await history.archive([ended_job(job_id)])
    assert await history.delete("ada", job_id)


async def _wait_for(observer: psycopg.AsyncConnection, task: asyncio.Task[object], waiting: int) -> None:
    """Wait until the task, too, waits for a lock, or is done."""
    async with asyncio.timeout(30):
        while not task.done():
            cursor = await observer.execute(WAITING)
            if await cursor.fetchone() == (waiting,):
                return
            await asyncio.sleep(0.01)


def _inserting(job_id: str) -> str:
    statement = insert(jobs).values(job_rows(ended_job(job_id)).job)
    return str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
