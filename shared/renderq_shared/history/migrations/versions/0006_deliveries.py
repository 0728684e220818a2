"""Webhook deliveries of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _Name, primary_key=True),
        sa.Column("key", _Key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("deliveries_by_job", "deliveries", ["key"])
