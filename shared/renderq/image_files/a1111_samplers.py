"""Samplers of AUTOMATIC1111's web UI and the schedulers of renderq that are the same.

What is one name here is two there: a sampler, and the type of its schedule. Releases before 1.9 wrote the type behind
the sampler's name, as in `DPM++ 2M Karras`.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `modules/sd_samplers_kdiffusion.py`,
`modules/sd_samplers_timesteps.py` and `modules/sd_schedulers.py`.
"""

from dataclasses import dataclass

AUTOMATIC = "Automatic"
"""Schedule type that stands for the sampler's default one."""

SCHEDULE_TYPES = (AUTOMATIC, "Uniform", "Karras", "Exponential", "SGM Uniform", "Simple", "Normal", "Beta")
"""Those that have a meaning here, in the order of the web UI."""

_EVEN = ("Uniform", "Normal")
"""Schedule types that take evenly spaced timesteps, as schedulers do by themselves."""

_SUFFIXES = {" karras": "Karras", " exponential": "Exponential", " sgm uniform": "SGM Uniform", "_ka": "Karras"}
"""End of a sampler's name in earlier releases, in lower case → schedule type."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler there."""

    name: str
    schedulers: dict[str, str]
    """Schedule type → scheduler; the first type of each is its name in texts."""
    aliases: tuple[str, ...] = ()
    """Its other names there."""


def _sampler(name: str, scheduler: str, *aliases: str) -> Sampler:
    return Sampler(name, dict.fromkeys((AUTOMATIC, *_EVEN), scheduler), aliases)


SAMPLERS = (
    Sampler(
        "DPM++ 2M",
        {**dict.fromkeys(("Karras", AUTOMATIC), "dpmpp_2m_karras"), **dict.fromkeys(_EVEN, "dpmpp_2m")},
        ("k_dpmpp_2m",),
    ),
    Sampler("DPM++ 2M SDE", dict.fromkeys(_EVEN, "dpmpp_2m_sde"), ("k_dpmpp_2m_sde",)),
    Sampler("DPM++ 3M SDE", dict.fromkeys(_EVEN, "dpmpp_3m_sde"), ("k_dpmpp_3m_sde",)),
    Sampler("DPM2", dict.fromkeys(_EVEN, "dpm2"), ("k_dpm_2",)),
    Sampler("DPM2 a", dict.fromkeys(_EVEN, "dpm2_a"), ("k_dpm_2_a",)),
    _sampler("Euler a", "euler_a", "k_euler_a", "k_euler_ancestral"),
    _sampler("Euler", "euler", "k_euler"),
    _sampler("LMS", "lms", "k_lms"),
    _sampler("Heun", "heun", "k_heun"),
    _sampler("DDIM", "ddim"),
    _sampler("PLMS", "plms"),
    _sampler("UniPC", "unipc"),
    _sampler("LCM", "lcm", "k_lcm"),
    _sampler("DDPM", "ddpm"),
    _sampler("PNDM", "pndm"),
    _sampler("DEIS", "deis"),
    _sampler("TCD", "tcd"),
)
"""The last four are not in the web UI."""

_BY_NAME = {name.lower(): each for each in SAMPLERS for name in (each.name, *each.aliases)}
_BY_SCHEDULER = {
    scheduler: (each.name, schedule_type)
    for each in SAMPLERS
    for schedule_type, scheduler in reversed(each.schedulers.items())
}


def find_sampler(name: str) -> tuple[Sampler, str | None] | None:
    """Return a sampler by any of its names, and the schedule type that the name ends in; `None` for another name."""
    lower = name.strip().lower()
    if sampler := _BY_NAME.get(lower):
        return sampler, None
    for suffix, schedule_type in _SUFFIXES.items():
        sampler = _BY_NAME.get(lower.removesuffix(suffix))
        if sampler:
            return sampler, schedule_type
    return None


def find_schedule_type(name: str) -> str | None:
    """Return a schedule type by its name in any case; `None` if it has no meaning here."""
    wanted = name.strip().lower().replace("_", " ")
    return next((each for each in SCHEDULE_TYPES if each.lower() == wanted), None)


def sampler_names(scheduler: str) -> tuple[str, str] | None:
    """Return the sampler and the schedule type that a scheduler is there, not leaving the type to the sampler."""
    return _BY_SCHEDULER.get(scheduler)
