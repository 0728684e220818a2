"""Job record → rows of the history's tables, and back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from renderq_shared.errors import RecordUnreadable
from renderq_shared.history.records import UsageDay
from renderq_shared.history.search import BOUNDARY, words
from renderq_shared.history.stored_text import storable
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis.codec import decode_job, encode_job
from renderq_shared.jobs.stored_results import (
    decode_grid,
    decode_labels,
    decode_metrics,
    decode_outputs,
    decode_progress,
)

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class JobRows:
    """What the history stores of one job."""

    job: dict[str, Any]
    """Columns of `jobs` but the key."""
    images: tuple[dict[str, Any], ...]
    labels: tuple[dict[str, Any], ...]
    metadata: tuple[dict[str, Any], ...]
    words: tuple[str, ...]
    usage: UsageDay


def job_rows(job: JobRecord) -> JobRows:
    """Return the rows of an ended job. Parts of the record that cannot be read are stored, but not found."""
    request, tenant, usage = read_request(job), job.tenant, _usage(job)
    metadata: dict[str, str] = request.get("metadata") or {}
    return JobRows(
        job={
            "id": job.id,
            "tenant": tenant,
            "version": job.version,
            "status": str(job.status),
            "task": job.task,
            "model": storable(job.model),
            "worker": job.worker and storable(job.worker),
            "error_code": error_code(job),
            "seed": request.get("seed"),
            "kept": job.kept,
            "outputs_expired": job.outputs_expired,
            "created_ms": job.created_ms,
            "completed_ms": _completed_ms(job),
            "stored_bytes": usage.bytes,
            "batch_id": job.batch_id,
            "record": record_text(job),
        },
        images=tuple(
            {
                "tenant": tenant,
                "index": output.index,
                "pixel_sha256": output.pixel_sha256,
                "sha256": output.sha256,
                "bytes": output.size_bytes,
            }
            for output in _read(decode_outputs, job.outputs_json) or ()
        ),
        labels=tuple(
            {"tenant": tenant, "label": storable(label)} for label in _read(decode_labels, job.labels_json) or ()
        ),
        metadata=tuple(
            {"tenant": tenant, "entry_sha256": entry_digest(name, value)} for name, value in metadata.items()
        ),
        words=searched_words(request),
        usage=usage,
    )


def read_request(job: JobRecord) -> dict[str, Any]:
    """Return the request of a job; empty if it cannot be read."""
    request = _read(json.loads, job.request_json)
    return cast(dict[str, Any], request) if isinstance(request, dict) else {}


def error_code(job: JobRecord) -> str | None:
    """Return the code of a failed job's error; `None` for other jobs."""
    error = _read(json.loads, job.error_json)
    return cast(dict[str, Any], error).get("code") if isinstance(error, dict) else None


def searched_words(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words of a request that searches look at: those of both prompts."""
    return (*words(request.get("prompt") or ""), BOUNDARY, *words(request.get("negative_prompt") or ""))


def record_text(job: JobRecord) -> str:
    """Return the column `record` of a job."""
    return json.dumps(encode_job(job), separators=(",", ":"), sort_keys=True)


def read_record(job_id: str, text: str) -> JobRecord:
    """Return the record of the column `record`. Raises `RecordUnreadable` if it is damaged or of a newer version."""
    try:
        return decode_job(json.loads(text))
    except RecordUnreadable as error:
        raise RecordUnreadable(job_id, error.reason) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RecordUnreadable(job_id, repr(error)) from error


def entry_digest(name: str, value: str) -> str:
    """Return the digest by which an entry of a request's metadata is found."""
    return hashlib.sha256(json.dumps([name, value]).encode()).hexdigest()


def read_record_or_none(text: str) -> JobRecord | None:
    """Like `read_record`; `None` for a record that is damaged, or that a newer version wrote."""
    try:
        return read_record("", text)
    except RecordUnreadable:
        return None


def _usage(job: JobRecord) -> UsageDay:
    outputs = _read(decode_outputs, job.outputs_json) or ()
    grid = _read(decode_grid, job.grid_json)
    thumbnails = (output.thumbnail for output in outputs)
    progress, metrics = _read(decode_progress, job.progress_json), _read(decode_metrics, job.metrics_json)
    return UsageDay(
        tenant=job.tenant,
        day=datetime.fromtimestamp(_completed_ms(job) / 1000, UTC).date(),
        jobs=1,
        images=len(outputs),
        pixels=sum(output.width * output.height for output in outputs),
        steps=progress.step if progress else 0,
        device_ms=metrics.inference_ms or 0 if metrics else 0,
        bytes=sum(file.size_bytes for file in (*outputs, *filter(None, (*thumbnails, grid)))),
    )


def _completed_ms(job: JobRecord) -> int:
    return job.created_ms if job.completed_ms is None else job.completed_ms


def _read(read: Callable[[str], Part], text: str | None) -> Part | None:
    """Read a part of a record; `None` if there is none, or if a newer version or a fault wrote what we cannot read."""
    try:
        return read(text) if text else None
    except (ValueError, RecursionError):
        return None
