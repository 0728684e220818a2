"""Samplers of AUTOMATIC1111's web UI and the schedulers of renderq that are the same.

There a request has a sampler and the type of its schedule. Releases before 1.9 wrote the type behind the name of the
sampler, as in `DPM++ 2M Karras`.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `modules/sd_samplers_kdiffusion.py`,
`modules/sd_samplers_timesteps.py` and `modules/sd_schedulers.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

AUTOMATIC = "Automatic"
"""Schedule type that stands for the sampler's default one."""

_OWN = "Uniform"

SCHEDULE_TYPES: Mapping[str, str | None] = {
    _OWN: None,
    "Karras": "karras",
    "Exponential": "exponential",
    "SGM Uniform": "trailing",
    "Simple": "trailing",
    "Normal": None,
    "Beta": "beta",
}
"""Schedule type → schedule, `None` for the scheduler's own; in the order of the web UI. Other types have no meaning."""

_SUFFIXES = {" karras": "Karras", " exponential": "Exponential", " sgm uniform": "SGM Uniform", "_ka": "Karras"}
"""End of a sampler's name in earlier releases, in lower case → schedule type."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Scheduler and schedule of a request."""

    scheduler: str
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler there."""

    name: str
    types: dict[str, Noise]
    """Schedule type → what it is here."""
    aliases: tuple[str, ...] = ()
    """Its other names there."""


_TRAILING = ("trailing",)
_ALL = ("karras", "exponential", "beta", "trailing")

_SAME = {Noise("dpmpp_2m", "karras"): Noise("dpmpp_2m_karras")}
"""Two ways to say one thing → the older one."""


def _sampler(
    name: str, scheduler: str, schedules: tuple[str, ...], aliases: tuple[str, ...] = (), automatic: str = _OWN
) -> Sampler:
    """Return a sampler. `schedules`: those that the scheduler has. `automatic`: its default schedule type."""
    noises = {kind: Noise(scheduler, schedule) for kind, schedule in SCHEDULE_TYPES.items()}
    types = {kind: _SAME.get(each, each) for kind, each in noises.items() if each.schedule in (None, *schedules)}
    return Sampler(name, {AUTOMATIC: types[automatic], **types}, aliases)


SAMPLERS = (
    _sampler("DPM++ 2M", "dpmpp_2m", _ALL, ("k_dpmpp_2m",), "Karras"),
    _sampler("DPM++ 2M SDE", "dpmpp_2m_sde", _ALL, ("k_dpmpp_2m_sde",), "Exponential"),
    _sampler("DPM++ 3M SDE", "dpmpp_3m_sde", _ALL, ("k_dpmpp_3m_sde",), "Exponential"),
    _sampler("Euler a", "euler_a", _TRAILING, ("k_euler_a", "k_euler_ancestral")),
    _sampler("Euler", "euler", _ALL, ("k_euler",)),
    _sampler("LMS", "lms", _ALL, ("k_lms",)),
    _sampler("Heun", "heun", _ALL, ("k_heun",)),
    _sampler("DPM2", "dpm2", _ALL, ("k_dpm_2",), "Karras"),
    _sampler("DPM2 a", "dpm2_a", _ALL, ("k_dpm_2_a",), "Karras"),
    _sampler("LCM", "lcm", (), ("k_lcm",)),
    _sampler("DDIM", "ddim", _TRAILING),
    _sampler("PLMS", "plms", _TRAILING),
    _sampler("UniPC", "unipc", _ALL),
    _sampler("DDPM", "ddpm", _TRAILING),
    _sampler("PNDM", "pndm", _TRAILING),
    _sampler("DEIS", "deis", _ALL),
    _sampler("TCD", "tcd", ()),
)
"""The last four are not in the web UI."""

_BY_NAME = {name.lower(): each for each in SAMPLERS for name in (each.name, *each.aliases)}
_NAMES = {
    noise: (sampler.name, schedule_type)
    for sampler in SAMPLERS
    for schedule_type, noise in reversed(sampler.types.items())
    if schedule_type != AUTOMATIC
}
"""The first type of several."""


def find_sampler(name: str) -> tuple[Sampler, str | None] | None:
    """Return a sampler by any of its names, and the schedule type that the name ends in; `None` for another name."""
    lower = name.strip().lower()
    if sampler := _BY_NAME.get(lower):
        return sampler, None
    for suffix, schedule_type in _SUFFIXES.items():
        if lower.endswith(suffix) and (sampler := _BY_NAME.get(lower.removesuffix(suffix))):
            return sampler, schedule_type
    return None


def find_schedule_type(name: str) -> str | None:
    """Return a schedule type by its name in any case; `None` if it has no meaning here."""
    wanted = name.strip().lower().replace("_", " ")
    return next((each for each in (AUTOMATIC, *SCHEDULE_TYPES) if each.lower() == wanted), None)


def sampler_names(scheduler: str, schedule: str | None) -> tuple[str, str] | None:
    """Return the sampler and the schedule type of a scheduler and its schedule; `None` if there are none there."""
    noise = Noise(scheduler, schedule)
    return _NAMES.get(_SAME.get(noise, noise))
