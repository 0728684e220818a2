"""Tenants whose data was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "purged_tenants",
        sa.Column("digest", _Name, primary_key=True),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("is_complete", sa.Boolean, nullable=False),
    )
