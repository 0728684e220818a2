"""Noise schedulers of diffusers by their names in the wire contract."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor

from renderq_worker.engine.errors import SchedulerUnknown


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


@dataclass(frozen=True, slots=True)
class _SchedulerSpec:
    """A diffusers class, and overrides of the model's scheduler configuration."""

    diffusers_class: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


_PNDM = _SchedulerSpec("PNDMScheduler", {"skip_prk_steps": True})  # without Runge-Kutta warm-up: known as PLMS

SCHEDULERS: Mapping[str, _SchedulerSpec] = {
    "ddim": _SchedulerSpec("DDIMScheduler"),
    "ddpm": _SchedulerSpec("DDPMScheduler"),
    "pndm": _PNDM,
    "plms": _PNDM,
    "lms": _SchedulerSpec("LMSDiscreteScheduler"),
    "euler": _SchedulerSpec("EulerDiscreteScheduler"),
    "euler_a": _SchedulerSpec("EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": _SchedulerSpec(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": False}
    ),
    "dpmpp_2m_karras": _SchedulerSpec(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}
    ),
    "dpmpp_2m_sde": _SchedulerSpec(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": False}
    ),
    "unipc": _SchedulerSpec("UniPCMultistepScheduler"),
    "heun": _SchedulerSpec("HeunDiscreteScheduler"),
    "lcm": _SchedulerSpec("LCMScheduler"),
}


class NoiseSchedulerFactory:
    """Factory of the schedulers of one model.

    `own` is the scheduler of a constructed pipeline, whose constructor corrects outdated configurations
    (`steps_offset`, `clip_sample`). Copies keep the correction; a second `from_config` could lose it.
    """

    def __init__(self, own: NoiseScheduler) -> None:
        self._own = copy.deepcopy(own)
        self._prototypes: dict[str, NoiseScheduler] = {}

    def create(self, name: str | None) -> NoiseScheduler:
        """Return a fresh scheduler; None is the model's own. Raises `SchedulerUnknown`."""
        return copy.deepcopy(self._own if name is None else self._prototype(name))

    def _prototype(self, name: str) -> NoiseScheduler:
        if name not in SCHEDULERS:
            raise SchedulerUnknown(f"scheduler {name!r} is unknown; choose one of {', '.join(SCHEDULERS)}")
        if name not in self._prototypes:
            spec = SCHEDULERS[name]
            scheduler_class: Any = getattr(diffusers, spec.diffusers_class)
            self._prototypes[name] = scheduler_class.from_config(self._own.config, **spec.overrides)
        return self._prototypes[name]
