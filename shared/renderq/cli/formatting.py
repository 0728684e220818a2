"""Formatting of jobs, tables and JSON for a terminal."""

import json
from collections.abc import Sequence

from pydantic_core import to_jsonable_python

from renderq.contract import Job, Stage, Status

STAGES = {
    Stage.LOADING_MODEL: "loading the model",
    Stage.ENCODING: "encoding the prompt",
    Stage.DENOISING: "denoising",
    Stage.DECODING: "decoding",
    Stage.UPLOADING: "storing the images",
}


def describe(job: Job) -> str:
    """Describe the state of a job in a few words."""
    if job.status is Status.QUEUED:
        return _describe_queued(job)
    if job.status is Status.RUNNING and job.stage is not None:
        return STAGES[job.stage]
    return job.status.value


def _describe_queued(job: Job) -> str:
    if job.wait_reason == "paused":
        return "queued: paused by the operator"
    if job.wait_reason == "no_worker_for_model":
        return f"queued: no worker serves {printable(job.model)}"
    words = f"queued: {job.queue_position} ahead" if job.queue_position else "queued"
    return f"{words}, done in about {job.eta_seconds.p50:.0f} s" if job.eta_seconds else words


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format a table with aligned columns, two spaces apart."""
    lines = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def printable(text: str) -> str:
    """Return untrusted text on one line, with control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def as_json(value: object, indent: int | None = 2) -> str:
    """Format a value, which may contain models, as JSON: non-ASCII text unescaped, control characters escaped."""
    text = json.dumps(value, default=to_jsonable_python, indent=indent, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1] for character in text
    )
