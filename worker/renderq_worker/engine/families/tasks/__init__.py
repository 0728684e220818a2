"""How each task starts: one file per kind, shared by the families.

parts      what a start is made from
txt2img    from noise alone
img2img    from a picture with noise on it
"""

from collections.abc import Callable, Mapping
from typing import Any

from renderq_worker.engine.families.tasks.img2img import img2img
from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.families.tasks.txt2img import txt2img
from renderq_worker.engine.start import Start
from renderq_worker.engine.tasks import Img2Img, Txt2Img

__all__ = ["Parts", "start"]

_STARTS: Mapping[type, Callable[[Any, Parts], Start]] = {Txt2Img: txt2img, Img2Img: img2img}


def start(parts: Parts) -> Start:
    """Draws from the image's generator in the stock pipelines' order. Raises `StrengthTooLow`."""
    task = parts.spec.task
    return _STARTS[type(task)](task, parts)
