"""Records → Redis' flat text: the inverse of `decoding`, for what a job's manifest keeps."""

from dataclasses import fields

from renderq_shared.jobs.records import JobRecord

_DERIVED = frozenset({"quarantined"})


def encode_job(job: JobRecord) -> dict[str, str]:
    """A job's hash without the fields that are the store's own; what is absent there is left out."""
    named = {field.name: getattr(job, field.name) for field in fields(job) if field.name not in _DERIVED}
    return {name: _text(value) for name, value in named.items() if value is not None and value is not False}


def _text(value: object) -> str:
    return "1" if value is True else str(value)
