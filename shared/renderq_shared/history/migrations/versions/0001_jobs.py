"""Jobs, their images, labels, metadata and words; deleted jobs; usage by day."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("key", _Key, primary_key=True),
        sa.Column("id", _Name, nullable=False, unique=True),
        sa.Column("tenant", _Name, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("status", _Name, nullable=False),
        sa.Column("task", _Name, nullable=False),
        sa.Column("model", _Name, nullable=False),
        sa.Column("worker", _Name),
        sa.Column("error_code", _Name),
        sa.Column("seed", sa.BigInteger),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("outputs_expired", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("completed_ms", sa.BigInteger, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    newest_first = [sa.desc("created_ms"), sa.desc("id")]
    op.create_index("jobs_by_tenant", "jobs", ["tenant", *newest_first])
    op.create_index("jobs_by_model", "jobs", ["tenant", "model", *newest_first])
    op.create_index("jobs_by_task", "jobs", ["tenant", "task", *newest_first])
    op.create_index("jobs_by_seed", "jobs", ["tenant", "seed", *newest_first])
    _create_partial_index("jobs_unsuccessful", ["tenant", "status", *newest_first], "status != 'succeeded'")
    _create_partial_index("jobs_by_error", ["tenant", "error_code", *newest_first], "error_code IS NOT NULL")
    kept = ["tenant", *newest_first, "stored_bytes"]
    _create_partial_index("jobs_kept", kept, "kept", sqlite_where="kept = 1")
    _create_partial_index("jobs_failed", ["completed_ms"], "error_code IS NOT NULL")
    to_expire = ["outputs_expired", "completed_ms", "stored_bytes"]
    _create_partial_index("jobs_to_expire", to_expire, "NOT kept", sqlite_where="kept = 0")

    op.create_table(
        "images",
        _job_key(),
        sa.Column("tenant", _Name, nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("pixel_sha256", _Name, nullable=False),
        sa.Column("sha256", _Name, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_index("images_by_job", "images", ["key"])
    op.create_index("images_by_pixels", "images", ["tenant", "pixel_sha256"])

    op.create_table(
        "labels", _job_key(), sa.Column("tenant", _Name, nullable=False), sa.Column("label", _Name, nullable=False)
    )
    op.create_index("labels_by_job", "labels", ["key"])
    op.create_index("labels_by_name", "labels", ["tenant", "label"])

    op.create_table(
        "job_metadata",
        _job_key(),
        sa.Column("tenant", _Name, nullable=False),
        sa.Column("entry_sha256", _Name, nullable=False),
    )
    op.create_index("job_metadata_by_job", "job_metadata", ["key"])
    op.create_index("job_metadata_by_entry", "job_metadata", ["tenant", "entry_sha256"])

    op.create_table(
        "deleted_jobs", sa.Column("id", _Name, primary_key=True), sa.Column("deleted_ms", sa.BigInteger, nullable=False)
    )
    op.create_table(
        "removals",
        sa.Column("id", _Name, primary_key=True),
        sa.Column("tenant", _Name, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "usage_days",
        sa.Column("tenant", _Name, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("jobs", "images", "pixels", "steps", "device_ms", "bytes")
        ),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE job_words USING fts5(tenant, words, tokenize = 'ascii')")
    else:
        op.execute(
            "CREATE TABLE job_words (key bigint PRIMARY KEY REFERENCES jobs ON DELETE CASCADE, words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX job_words_by_word ON job_words USING gin (words)")


def _job_key() -> sa.Column[int]:
    return sa.Column("key", _Key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False)


def _create_partial_index(
    name: str, columns: Sequence[str | sa.UnaryExpression[str]], where: str, sqlite_where: str | None = None
) -> None:
    """SQLite uses the index only for conditions of exactly this form."""
    op.create_index(name, "jobs", columns, sqlite_where=sa.text(sqlite_where or where), postgresql_where=sa.text(where))
