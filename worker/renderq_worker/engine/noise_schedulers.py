"""Samplers (diffusers calls them schedulers) by the names of the wire contract."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor

from renderq_worker.engine.errors import SchedulerUnknown


class NoiseScheduler(Protocol):
    """The part of a diffusers scheduler that makes a picture."""

    config: Mapping[str, Any]
    timesteps: Tensor
    """One for each model call: more than the inference steps for some samplers."""
    init_noise_sigma: Tensor | float
    """Standard deviation of the noise to start from."""
    order: int
    """Timesteps per inference step."""
    alphas_cumprod: Tensor
    """Share of the picture in the variance of what the model was trained with, by timestep."""

    def set_timesteps(self, num_inference_steps: int, device: torch.device) -> None: ...

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...

    def set_begin_index(self, begin_index: int) -> None:
        """Where to begin instead of at the first timestep; samplers that look timesteps up do not have it."""
        ...

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor: ...

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, **kwargs: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A diffusers class, and what its configuration must say besides the model's own."""

    diffusers_class: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


_PNDM = _Recipe("PNDMScheduler", {"skip_prk_steps": True})  # without Runge-Kutta warm-up: what is known as PLMS

SCHEDULERS: Mapping[str, _Recipe] = {
    "ddim": _Recipe("DDIMScheduler"),
    "ddpm": _Recipe("DDPMScheduler"),
    "pndm": _PNDM,
    "plms": _PNDM,
    "lms": _Recipe("LMSDiscreteScheduler"),
    "euler": _Recipe("EulerDiscreteScheduler"),
    "euler_a": _Recipe("EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": _Recipe("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": False}),
    "dpmpp_2m_karras": _Recipe(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}
    ),
    "dpmpp_2m_sde": _Recipe(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": False}
    ),
    "unipc": _Recipe("UniPCMultistepScheduler"),
    "heun": _Recipe("HeunDiscreteScheduler"),
    "lcm": _Recipe("LCMScheduler"),
}


class NoiseSchedulerFactory:
    """Makes the samplers of one model.

    `own` is the scheduler of a built pipeline: its constructor corrects outdated configurations (`steps_offset`,
    `clip_sample`), and copies keep the correction where a second trip through `from_config` could lose it.
    """

    def __init__(self, own: NoiseScheduler) -> None:
        self._own = copy.deepcopy(own)
        self._prototypes: dict[str, NoiseScheduler] = {}

    def create(self, name: str | None) -> NoiseScheduler:
        """A scheduler that has never stepped; None is the model's own. Raises `SchedulerUnknown`."""
        return copy.deepcopy(self._own if name is None else self._prototype(name))

    def _prototype(self, name: str) -> NoiseScheduler:
        if name not in SCHEDULERS:
            raise SchedulerUnknown(f"scheduler {name!r} is unknown; there are {', '.join(SCHEDULERS)}")
        if name not in self._prototypes:
            recipe = SCHEDULERS[name]
            sampler_class: Any = getattr(diffusers, recipe.diffusers_class)
            self._prototypes[name] = sampler_class.from_config(self._own.config, **recipe.overrides)
        return self._prototypes[name]
