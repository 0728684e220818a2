"""Noise schedulers of diffusers by their names in the wire contract."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor

from renderq_shared.catalog.noise_schedulers import (
    NOISE_SCHEDULERS,
    NoiseSchedulerInfo,
    refuse_schedule,
    schedule_config,
)
from renderq_worker.engine.errors import SchedulerUnknown, ScheduleUnsupported


class NoiseScheduler(Protocol):
    """Interface of a diffusers scheduler, as far as it is used here."""

    config: Mapping[str, Any]
    timesteps: Tensor
    """One per model call: more than the inference steps for some schedulers."""
    init_noise_sigma: Tensor | float
    """Standard deviation of the initial noise."""
    order: int
    """Timesteps per inference step."""
    alphas_cumprod: Tensor
    """Signal's share of the variance in the training schedule, by timestep."""

    def set_timesteps(self, num_inference_steps: int, device: torch.device) -> None: ...

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...

    def set_begin_index(self, begin_index: int) -> None:
        """Start at this timestep instead of the first; schedulers that look timesteps up do not have this method."""
        ...

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor: ...

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, **kwargs: Any) -> Any: ...


def set_timesteps(scheduler: NoiseScheduler, steps: int, device: torch.device) -> None:
    """Set the timesteps of all steps, and begin with the first.

    Some schedules have the first timestep twice, such as `beta` with zero terminal signal. diffusers then looks the
    second one up, and ends beyond the last.
    """
    scheduler.set_timesteps(steps, device=device)
    drop_surplus_timestep(scheduler)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)


def drop_surplus_timestep(scheduler: NoiseScheduler) -> None:
    """Drop the timestep -1 that follows the last one of some trailing schedules, such as those of 61 and 122 steps.

    diffusers computes it because `arange` rounds. Schedulers that look their noise level up by timestep take it for the
    last one of training, so that the image ends in noise; to those with sigmas it does no harm.
    """
    if not hasattr(scheduler, "sigmas"):
        scheduler.timesteps = scheduler.timesteps[scheduler.timesteps >= 0]


class NoiseSchedulerFactory:
    """Factory of the schedulers of one model.

    `own` is the scheduler of a constructed pipeline, whose constructor corrects outdated configurations
    (`steps_offset`, `clip_sample`). Copies keep the correction; a second `from_config` could lose it.
    """

    def __init__(self, own: NoiseScheduler) -> None:
        self._own = copy.deepcopy(own)
        self._prototypes: dict[tuple[str | None, str | None], NoiseScheduler] = {(None, None): self._own}

    def create(self, name: str | None, schedule: str | None) -> NoiseScheduler:
        """Return a fresh scheduler; a name of None is the model's own, a schedule of None the scheduler's own.

        Raises `SchedulerUnknown` or `ScheduleUnsupported`.
        """
        key = name, schedule
        if key not in self._prototypes:
            self._prototypes[key] = self._build(name, schedule)
        return copy.deepcopy(self._prototypes[key])

    def _build(self, name: str | None, schedule: str | None) -> NoiseScheduler:
        info = NoiseSchedulerInfo(type(self._own).__name__) if name is None else NOISE_SCHEDULERS.get(name)
        if info is None:
            raise SchedulerUnknown(f"scheduler {name!r} is unknown; choose one of {', '.join(NOISE_SCHEDULERS)}")
        if refusal := refuse_schedule(name, schedule, info.schedules):
            raise ScheduleUnsupported(refusal)
        scheduler_class: Any = getattr(diffusers, info.diffusers_class)
        accepted = inspect.signature(scheduler_class.__init__).parameters
        changes = {key: value for key, value in schedule_config(schedule).items() if key in accepted}
        return scheduler_class.from_config(self._own.config, **{**info.overrides, **changes})
