"""Lists read an index in its order: no filter sorts or reads all jobs of a tenant."""

from pathlib import Path

import pytest
from sqlalchemy import select

from renderq.contract import Status
from renderq_shared.history import HistoryFilter
from renderq_shared.history.database import open_database
from renderq_shared.history.filters import conditions, positioned_before
from renderq_shared.history.migration import migrate
from renderq_shared.history.tables import jobs
from renderq_shared.history_url import sqlite_url
from renderq_shared.jobs import JobPosition


@pytest.mark.parametrize(
    ("job_filter", "plan"),
    [
        (HistoryFilter(), "jobs_by_tenant (tenant=? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(created_after_ms=5), "jobs_by_tenant (tenant=? AND created_ms>? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(model="sd15"), "jobs_by_model (tenant=? AND model=? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(task="upscale"), "jobs_by_task (tenant=? AND task=? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(seed=7), "jobs_by_seed (tenant=? AND seed=? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(batch_id="b"), "jobs_by_batch (tenant=? AND batch_id=? AND (created_ms,id)<(?,?))"),
        (HistoryFilter(kept=True), "jobs_kept (tenant=? AND (created_ms,id)<(?,?))"),
        (
            HistoryFilter(status=Status.CANCELED),
            "jobs_unsuccessful (tenant=? AND status=? AND (created_ms,id)<(?,?))",
        ),
        (HistoryFilter(error_code="oom"), "jobs_by_error (tenant=? AND error_code=? AND (created_ms,id)<(?,?))"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
async def test_a_page_is_read_from_the_index_of_its_filter(
    job_filter: HistoryFilter, plan: str, tmp_path: Path
) -> None:
    async with open_database(sqlite_url(str(tmp_path / "history.db"))) as database:
        await migrate(database)
        query = (
            select(jobs.c.record)
            .where(*conditions("ada", job_filter, database.text_index), positioned_before(JobPosition(9, "job_1")))
            .order_by(jobs.c.created_ms.desc(), jobs.c.id.desc())
            .limit(21)
        )
        compiled = query.compile(database.engine.sync_engine)
        parameters = tuple(compiled.params[name] for name in compiled.positiontup or ())
        async with database.reading() as connection:
            steps = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters)).all()
    assert [step.detail for step in steps] == [f"SEARCH jobs USING INDEX {plan}"]
