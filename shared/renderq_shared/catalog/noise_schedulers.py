"""Noise schedulers by their names in the wire contract: class in diffusers, configuration, and schedules.

A schedule is the spacing of the noise levels between which a scheduler steps. No diffusers at import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from renderq.contract.sampling import Schedule

_SPACING: tuple[Schedule, ...] = ("trailing",)
_SIGMAS: tuple[Schedule, ...] = ("karras", "exponential", "beta")

_SCHEDULES: Mapping[str, tuple[Schedule, ...]] = {
    "DDIMScheduler": _SPACING,
    "DDPMScheduler": _SPACING,
    "PNDMScheduler": _SPACING,
    "EulerAncestralDiscreteScheduler": _SPACING,
    "LMSDiscreteScheduler": (*_SIGMAS, *_SPACING),
    "EulerDiscreteScheduler": (*_SIGMAS, *_SPACING),
    "DPMSolverMultistepScheduler": (*_SIGMAS, *_SPACING),
    "UniPCMultistepScheduler": (*_SIGMAS, *_SPACING),
    "DEISMultistepScheduler": (*_SIGMAS, *_SPACING),
    "HeunDiscreteScheduler": (*_SIGMAS, *_SPACING),
    "KDPM2DiscreteScheduler": (*_SIGMAS, *_SPACING),
    "KDPM2AncestralDiscreteScheduler": (*_SIGMAS, *_SPACING),
    "FlowMatchEulerDiscreteScheduler": _SIGMAS,
}
"""diffusers class → schedules. LCM and TCD take the timesteps of their distillation."""

_SIGMA_FLAGS: Mapping[str, Schedule | None] = {
    "use_karras_sigmas": "karras",
    "use_exponential_sigmas": "exponential",
    "use_beta_sigmas": "beta",
    "use_lu_lambdas": None,
}
"""Configuration of diffusers, of which at most one may be true → schedule."""


@dataclass(frozen=True, slots=True)
class NoiseSchedulerInfo:
    """A diffusers class, and overrides of the model's scheduler configuration."""

    diffusers_class: str
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    has_fixed_schedule: bool = False
    """True if the name itself says a schedule."""

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """Values of `schedule` to choose from."""
        return () if self.has_fixed_schedule else _SCHEDULES.get(self.diffusers_class, ())


def schedule_config(schedule: str | None) -> dict[str, Any]:
    """Return the configuration of a diffusers scheduler with this schedule; None is its own."""
    if schedule is None:
        return {}
    flags = {name: flag == schedule for name, flag in _SIGMA_FLAGS.items()}
    return {**flags, "timestep_spacing": "trailing"} if schedule == "trailing" else flags


def own_schedules(config: Mapping[str, Any]) -> tuple[Schedule, ...]:
    """Return the schedules of the scheduler with this configuration.

    A diffusion scheduler in flow mode has none: diffusers computes them for diffusion only.
    """
    is_flow = config.get("use_flow_sigmas", False) or config.get("prediction_type") == "flow_prediction"
    return () if is_flow else _SCHEDULES.get(str(config.get("_class_name")), ())


def refuse_schedule(scheduler: str | None, schedule: str | None, schedules: Sequence[str]) -> str | None:
    """Return why a scheduler with these schedules cannot have this one, as a clause; None if it can.

    A scheduler of None is the model's own, a schedule of None the scheduler's own.
    """
    if schedule is None or schedule in schedules:
        return None
    subject = "the model's own scheduler" if scheduler is None else f"the scheduler {scheduler}"
    if not schedules:
        return f"{subject} has no schedules to choose from; omit schedule"
    return f"{subject} has {' and '.join(filter(None, (', '.join(schedules[:-1]), schedules[-1])))}, not {schedule}"


_PNDM = NoiseSchedulerInfo("PNDMScheduler", {"skip_prk_steps": True})  # without Runge-Kutta warm-up: known as PLMS
_SDE: Mapping[str, Any] = {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": False}

NOISE_SCHEDULERS: Mapping[str, NoiseSchedulerInfo] = {
    "ddim": NoiseSchedulerInfo("DDIMScheduler"),
    "ddpm": NoiseSchedulerInfo("DDPMScheduler"),
    "pndm": _PNDM,
    "plms": _PNDM,
    "lms": NoiseSchedulerInfo("LMSDiscreteScheduler"),
    "euler": NoiseSchedulerInfo("EulerDiscreteScheduler"),
    "euler_a": NoiseSchedulerInfo("EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": NoiseSchedulerInfo(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": False}
    ),
    "dpmpp_2m_karras": NoiseSchedulerInfo(
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", **schedule_config("karras")},
        has_fixed_schedule=True,
    ),
    "dpmpp_2m_sde": NoiseSchedulerInfo("DPMSolverMultistepScheduler", _SDE),
    "dpmpp_3m_sde": NoiseSchedulerInfo("DPMSolverMultistepScheduler", {**_SDE, "solver_order": 3}),
    "unipc": NoiseSchedulerInfo("UniPCMultistepScheduler"),
    "deis": NoiseSchedulerInfo("DEISMultistepScheduler", {"algorithm_type": "deis", "solver_type": "logrho"}),
    "heun": NoiseSchedulerInfo("HeunDiscreteScheduler"),
    "dpm2": NoiseSchedulerInfo("KDPM2DiscreteScheduler"),
    "dpm2_a": NoiseSchedulerInfo("KDPM2AncestralDiscreteScheduler"),
    "lcm": NoiseSchedulerInfo("LCMScheduler"),
    "tcd": NoiseSchedulerInfo("TCDScheduler"),
}
"""Name → scheduler."""


def schedules_of(scheduler: str | None, own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the schedules of a scheduler by name; None is the model's own, which has `own`."""
    return own if scheduler is None else NOISE_SCHEDULERS[scheduler].schedules
