"""Models that were distilled to few steps: their default sampling parameters.

At the steps and the guidance scale of their base models their images are burnt. Some say what they are in their
configuration, others (SDXL-Turbo, Z-Image-Turbo) in their name alone.
"""

import re
from collections.abc import Iterable

from renderq.contract import SamplingParams

_METHOD = re.compile(
    r"turbo|lightning|schnell|(?<![a-z])(?:lcm|tcd|dmd2?|hyper[ _-]?(?:sd|sdxl|flux))(?![a-z])", re.IGNORECASE
)
"""Methods of distillation in the name of a model."""
_STEPS = re.compile(r"(?<!\d)(?P<steps>[1-9]|1\d)[ _-]?steps?(?![a-z])", re.IGNORECASE)
"""Steps in the name of a model, as in `sdxl_lightning_8step`."""
_METHOD_SCHEDULERS = ("LCMScheduler", "TCDScheduler")
"""diffusers schedulers of such methods."""


def is_distilled(names: Iterable[str], scheduler: str | None) -> bool:
    """Return whether a model with one of these names, or with this diffusers scheduler, was distilled to few steps."""
    return scheduler in _METHOD_SCHEDULERS or any(_METHOD.search(name) for name in names)


def distilled_sampling(
    names: Iterable[str], base: SamplingParams, *, steps: int, embeds_guidance: bool
) -> SamplingParams:
    """Return the default sampling parameters of a distilled model.

    The steps are those in its name, else `steps`. Guidance is off: it was distilled too, or is an input of the denoiser
    (`embeds_guidance`), which keeps the scale of `base`.
    """
    named = next((match for match in map(_STEPS.search, names) if match), None)
    return base.model_copy(
        update={
            "steps": int(named["steps"]) if named else steps,
            "guidance_scale": base.guidance_scale if embeds_guidance else 0.0,
        }
    )
