"""Check of a copied history, by counts and a digest."""

import hashlib
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.job_rows import read_record_or_none, record_text
from renderq_shared.history.maintenance.job_batches import job_batches
from renderq_shared.history.tables import deleted_jobs, jobs
from renderq_shared.history.tenant_purges import TenantPurges


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """Jobs of a source in a target."""

    jobs: int
    """Number of jobs of the source."""
    newer: int
    """Jobs that the target has in a higher version."""
    deleted: int
    """Jobs that the target has deleted."""
    missing: int
    """Jobs that the target lacks or has in a lower version, without a reason."""
    unreadable: int
    """Jobs whose record cannot be read. They are not copied."""
    only_in_target: int
    """Jobs that the source does not have."""
    source_digest: str
    """SHA-256 of ids, versions and records of the jobs that both have in the same version."""
    target_digest: str

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each reason why the copy is not complete."""
        found = {
            f"{self.unreadable} records of the source cannot be read and are not copied": self.unreadable > 0,
            f"{self.missing} jobs are missing in the target; copy again": self.missing > 0,
            "records differ between source and target": self.source_digest != self.target_digest,
        }
        return tuple(text for text, is_true in found.items() if is_true)


async def check_copy(source: AsyncConnection, target: AsyncConnection, purges: TenantPurges) -> CopyCheck:
    """Compare all jobs of the source with those of the target, which has these purges."""
    source_hash, target_hash = hashlib.sha256(), hashlib.sha256()
    counts, shared = Counter[str](), 0
    async for rows in job_batches(source, jobs.c.id, jobs.c.version, jobs.c.record):
        ids = [row.id for row in rows]
        columns = select(jobs.c.id, jobs.c.version, jobs.c.record)
        stored = {row.id: row for row in await target.execute(columns.where(jobs.c.id.in_(ids)))}
        absent = [read_record_or_none(row.record) for row in rows if row.id not in stored]
        deleted = set(await target.scalars(select(deleted_jobs.c.id).where(deleted_jobs.c.id.in_(ids))))
        deleted |= await purges.refused(target, [job for job in absent if job])
        shared += len(stored)
        for row in rows:
            copied = stored.get(row.id)
            counts["jobs"] += 1
            if read_record_or_none(row.record) is None:
                counts["unreadable"] += 1
            elif copied is None:
                counts["deleted" if row.id in deleted else "missing"] += 1
            elif copied.version != row.version:
                counts["newer" if copied.version > row.version else "missing"] += 1
            else:
                source_hash.update(_canonical(row.id, row.version, row.record))
                target_hash.update(_canonical(copied.id, copied.version, copied.record))
    total = await target.scalar(select(func.count()).select_from(jobs)) or 0
    return CopyCheck(
        **{name: counts[name] for name in ("jobs", "newer", "deleted", "missing", "unreadable")},
        only_in_target=total - shared,
        source_digest=source_hash.hexdigest(),
        target_digest=target_hash.hexdigest(),
    )


def _canonical(job_id: str, version: int, record: str) -> bytes:
    """Return what the digest covers of one job, however the record's JSON was written."""
    job = read_record_or_none(record)
    return f"{job_id} {version} {record_text(job) if job else record}\n".encode()
