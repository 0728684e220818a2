"""How jobs, tables and JSON look."""

import json
from collections.abc import Sequence

from renderq.contract import Job, Stage, Status

STAGES = {
    Stage.LOADING_MODEL: "loading the model",
    Stage.ENCODING: "reading the prompt",
    Stage.DENOISING: "denoising",
    Stage.DECODING: "decoding",
    Stage.UPLOADING: "storing the images",
}


def describe(job: Job) -> str:
    """How a job stands, in a few words."""
    if job.status is Status.QUEUED:
        return _describe_queued(job)
    if job.status is Status.RUNNING and job.stage is not None:
        return STAGES[job.stage]
    return job.status.value


def _describe_queued(job: Job) -> str:
    if job.wait_reason == "paused":
        return "queued: the operator has paused it"
    if job.wait_reason == "no_worker_for_model":
        return f"queued: no worker serves {printable(job.model)}"
    if job.wait_reason == "loading_model":
        return f"queued: {printable(job.model)} is being loaded"
    words = f"queued: {job.queue_position} before it" if job.queue_position else "queued"
    return f"{words}, done in about {job.eta_seconds.p50:.0f} s" if job.eta_seconds else words


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def printable(text: str) -> str:
    """A stranger's text on one line, with whatever a terminal would obey written as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def as_json(value: object, indent: int | None = 2) -> str:
    """Readable in every script; what a terminal would obey is written as an escape."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
