"""How each task starts: one file per kind, shared by the families.

conditioning  what a UNet takes beside latents
parts         what a start is made from
txt2img       from noise alone
img2img       from a picture with noise on it
inpaint       part of a picture made anew, by blending or by extra channels
depth2img     from a picture whose depth is kept
upscale       beside a small picture
"""

from collections.abc import Callable, Mapping
from typing import Any

from renderq_worker.engine.errors import TaskUnsupported
from renderq_worker.engine.families.tasks.conditioning import Conditioning
from renderq_worker.engine.families.tasks.depth2img import depth2img
from renderq_worker.engine.families.tasks.img2img import img2img
from renderq_worker.engine.families.tasks.inpaint import inpaint_by_blending, inpaint_by_channels
from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.families.tasks.txt2img import txt2img
from renderq_worker.engine.families.tasks.upscale import upscale
from renderq_worker.engine.start import Start
from renderq_worker.engine.tasks import Depth2Img, Img2Img, Inpaint, Txt2Img, Upscale, Variation

__all__ = ["Conditioning", "Parts", "start"]

_STARTS: Mapping[Conditioning, Mapping[type, Callable[[Any, Parts], Start]]] = {
    Conditioning.TEXT: {Txt2Img: txt2img, Img2Img: img2img, Inpaint: inpaint_by_blending, Variation: img2img},
    Conditioning.INPAINT: {Inpaint: inpaint_by_channels},
    Conditioning.DEPTH: {Depth2Img: depth2img},
    Conditioning.UPSCALE: {Upscale: upscale},
}
"""What the UNet takes → task → how it starts."""


def start(conditioning: Conditioning, parts: Parts) -> Start:
    """Draws from the image's generator in the stock pipelines' order.

    Raises `TaskUnsupported`, `StrengthTooLow`, `DepthMapMissing` or `NoiseLevelTooHigh`.
    """
    spec, starts = parts.spec, _STARTS[conditioning]
    make = starts.get(type(spec.task))
    if make is None:
        raise TaskUnsupported(
            f"model {spec.model!r} takes {conditioning} conditioning: it can do "
            f"{', '.join(task.__name__.lower() for task in starts)}, not {type(spec.task).__name__.lower()}"
        )
    return make(spec.task, parts)
