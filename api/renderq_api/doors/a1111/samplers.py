"""Samplers and schedule types of a request → schedulers and schedules of renderq, and the lists of both."""

from dataclasses import dataclass

from renderq.contract import FieldError
from renderq.image_files.a1111_samplers import (
    AUTOMATIC,
    SAMPLERS,
    SCHEDULE_TYPES,
    find_sampler,
    find_schedule_type,
)
from renderq_api.http.problems import ApiProblem, invalid
from renderq_shared.catalog import ModelEntry

NOT_FOUND = "not_found"
"""Code of the error about a name that is not in a list; its status is 400."""


@dataclass(frozen=True, slots=True)
class SchedulerChoice:
    """What a request's sampler means here."""

    scheduler: str | None = None
    """`None`: the model's own."""
    schedule: str | None = None
    """`None`: the scheduler's own."""
    ignored: tuple[str, ...] = ()
    """Fields that change nothing."""


def choose_scheduler(sampler_name: str | None, schedule_type: str | None, entry: ModelEntry) -> SchedulerChoice:
    """Return the scheduler for a sampler and a schedule type of a request. Raises `ApiProblem`."""
    if not entry.schedulers:
        sent = {"sampler_name": sampler_name, "scheduler": schedule_type}
        return SchedulerChoice(ignored=tuple(name for name, value in sent.items() if value))
    wanted = _schedule_type(schedule_type)
    found = find_sampler(sampler_name) if sampler_name else None
    if sampler_name is None or (found is None and sampler_name.lower() in entry.schedulers):
        return _own_name(sampler_name and sampler_name.lower(), wanted, entry)
    if found is None:
        names = ", ".join(each.name for each in SAMPLERS)
        raise _not_found("sampler_name", f"Sampler not found: {sampler_name[:60]}; there are {names}.")
    sampler, suffix = found
    wanted = suffix or wanted
    if wanted not in sampler.types:
        raise _no_such_type(sampler.name, wanted, list(sampler.types))
    noise = sampler.types[wanted]
    return SchedulerChoice(noise.scheduler, noise.schedule)


def listed_samplers() -> list[tuple[str, tuple[str, ...]]]:
    """Return each sampler's name, and the schedulers that it is here."""
    return [(each.name, tuple({noise.scheduler: 0 for noise in each.types.values()})) for each in SAMPLERS]


def listed_schedule_types() -> tuple[str, ...]:
    """Return the schedule types that samplers may have."""
    return (AUTOMATIC, *SCHEDULE_TYPES)


def _own_name(scheduler: str | None, schedule_type: str, entry: ModelEntry) -> SchedulerChoice:
    """Return the choice for a name of renderq, or for the model's default scheduler if that is `None`."""
    schedule = SCHEDULE_TYPES.get(schedule_type)
    schedules = entry.schedules_of(scheduler or entry.defaults.scheduler)
    if schedule not in (None, *schedules):
        known = [kind for kind, each in SCHEDULE_TYPES.items() if each in (None, *schedules)]
        raise _no_such_type(scheduler or f"The model {entry.name}", schedule_type, [AUTOMATIC, *known])
    return SchedulerChoice(scheduler, schedule)


def _schedule_type(name: str | None) -> str:
    if name is None:
        return AUTOMATIC
    found = find_schedule_type(name)
    if found is None:
        known = ", ".join(listed_schedule_types())
        raise _not_found("scheduler", f"Schedule type not found: {name[:60]}; there are {known}.")
    return found


def _no_such_type(sampler: str, schedule_type: str, known: list[str]) -> ApiProblem:
    return _not_found("scheduler", f"{sampler} has no schedule type {schedule_type} here; it has {', '.join(known)}.")


def _not_found(field: str, detail: str) -> ApiProblem:
    return invalid(detail, FieldError(pointer=f"/{field}", code=NOT_FOUND, detail=detail))
