"""Batch of each job."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("batch_id", _Name))
    condition = sa.text("batch_id IS NOT NULL")
    columns = ["tenant", "batch_id", sa.desc("created_ms"), sa.desc("id")]
    op.create_index("jobs_by_batch", "jobs", columns, sqlite_where=condition, postgresql_where=condition)
