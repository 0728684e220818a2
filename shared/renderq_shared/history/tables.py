"""Tables of the history. Times are milliseconds since the epoch. Migrations create them; the text index is of its
database (`text_index`)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    desc,
    not_,
)

from renderq_shared.history.stored_text import StoredText

metadata = MetaData()

_Key = BigInteger().with_variant(Integer, "sqlite")

jobs = Table(
    "jobs",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("id", StoredText, nullable=False, unique=True),
    Column("tenant", StoredText, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("status", StoredText, nullable=False),
    Column("task", StoredText, nullable=False),
    Column("model", StoredText, nullable=False),
    Column("worker", StoredText),
    Column("error_code", StoredText),
    Column("seed", BigInteger),
    Column("kept", Boolean, nullable=False),
    Column("outputs_expired", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("completed_ms", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),  # size of its images; 0 once they have expired
    Column("batch_id", StoredText),
    Column("record", Text, nullable=False),  # JSON object of the record's fields in Redis, as in a manifest
)
"""`record` is the JSON object of the record's fields in Redis, as in a manifest. The other columns repeat what lists
select and sort by."""
_NEWEST_FIRST = (desc(jobs.c.created_ms), desc(jobs.c.id))
_UNSUCCESSFUL = jobs.c.status != "succeeded"
_FAILED = jobs.c.error_code.is_not(None)
_NOT_KEPT = not_(jobs.c.kept)
_IN_BATCH = jobs.c.batch_id.is_not(None)
Index("jobs_by_tenant", jobs.c.tenant, *_NEWEST_FIRST)
Index("jobs_by_model", jobs.c.tenant, jobs.c.model, *_NEWEST_FIRST)
Index("jobs_by_task", jobs.c.tenant, jobs.c.task, *_NEWEST_FIRST)
Index("jobs_by_seed", jobs.c.tenant, jobs.c.seed, *_NEWEST_FIRST)
Index(
    "jobs_unsuccessful",
    jobs.c.tenant,
    jobs.c.status,
    *_NEWEST_FIRST,
    sqlite_where=_UNSUCCESSFUL,
    postgresql_where=_UNSUCCESSFUL,
)
Index(
    "jobs_by_error",
    jobs.c.tenant,
    jobs.c.error_code,
    *_NEWEST_FIRST,
    sqlite_where=_FAILED,
    postgresql_where=_FAILED,
)
Index(
    "jobs_kept",
    jobs.c.tenant,
    *_NEWEST_FIRST,
    jobs.c.stored_bytes,
    sqlite_where=jobs.c.kept,
    postgresql_where=jobs.c.kept,
)
Index(
    "jobs_by_batch",
    jobs.c.tenant,
    jobs.c.batch_id,
    *_NEWEST_FIRST,
    sqlite_where=_IN_BATCH,
    postgresql_where=_IN_BATCH,
)
Index("jobs_failed", jobs.c.completed_ms, sqlite_where=_FAILED, postgresql_where=_FAILED)
Index(
    "jobs_to_expire",
    jobs.c.outputs_expired,
    jobs.c.completed_ms,
    jobs.c.stored_bytes,
    sqlite_where=_NOT_KEPT,
    postgresql_where=_NOT_KEPT,
)


def _job_key() -> Column[int]:
    return Column("key", _Key, ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False)


images = Table(
    "images",
    metadata,
    _job_key(),
    Column("tenant", StoredText, nullable=False),
    Column("index", Integer, nullable=False),
    Column("pixel_sha256", StoredText, nullable=False),
    Column("sha256", StoredText, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
Index("images_by_job", images.c.key)
Index("images_by_pixels", images.c.tenant, images.c.pixel_sha256)

labels = Table(
    "labels",
    metadata,
    _job_key(),
    Column("tenant", StoredText, nullable=False),
    Column("label", StoredText, nullable=False),
)
Index("labels_by_job", labels.c.key)
Index("labels_by_name", labels.c.tenant, labels.c.label)

job_metadata = Table(
    "job_metadata",
    metadata,
    _job_key(),
    Column("tenant", StoredText, nullable=False),
    Column("entry_sha256", StoredText, nullable=False),
)
"""Digests of entries: a name and a value may be too long for an index."""
Index("job_metadata_by_job", job_metadata.c.key)
Index("job_metadata_by_entry", job_metadata.c.tenant, job_metadata.c.entry_sha256)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", StoredText, primary_key=True),
    _job_key(),
    Column("record", Text, nullable=False),
)
"""Ended webhook deliveries. `record` is the JSON object of the fields in Redis."""
Index("deliveries_by_job", deliveries.c.key)

deleted_jobs = Table(
    "deleted_jobs",
    metadata,
    Column("id", StoredText, primary_key=True),
    Column("deleted_ms", BigInteger, nullable=False),
)

purged_tenants = Table(
    "purged_tenants",
    metadata,
    Column("digest", StoredText, primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("is_complete", Boolean, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    Column("id", StoredText, primary_key=True),
    Column("tenant", StoredText, nullable=False),
    Column("images", Integer, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
)
"""Jobs whose files are to be removed: an outbox, emptied once Redis has taken over the removal."""

database_id = Table("database_id", metadata, Column("id", StoredText, primary_key=True))
"""One random id, that of this database and of its backups."""

copies = Table(
    "copies",
    metadata,
    Column("source", StoredText, primary_key=True),
    Column("deletions_ms", BigInteger, nullable=False),
    Column("has_usage", Boolean, nullable=False),
)
"""Histories that have been copied to this one: id of the database, time up to which its deletions have been applied,
and whether the usage of jobs that it had deleted before is included."""

usage_days = Table(
    "usage_days",
    metadata,
    Column("tenant", StoredText, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("pixels", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("device_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
