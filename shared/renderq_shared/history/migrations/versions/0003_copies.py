"""Identity of a database, and the copies that it has received."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"

_Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    database_id = op.create_table("database_id", sa.Column("id", _Name, primary_key=True))
    op.bulk_insert(database_id, [{"id": secrets.token_hex(16)}])
    op.create_table(
        "copies",
        sa.Column("source", _Name, primary_key=True),
        sa.Column("deletions_ms", sa.BigInteger, nullable=False),
        sa.Column("has_usage", sa.Boolean, nullable=False),
    )
