"""The engine: makes pictures from generations, one denoising step at a time, several images per forward pass.

engine       the thread and its loop; submit, cancel, room
mailbox      where other threads meet it: requests in, events out
generation   one image in flight
tasks        what it starts from besides its prompt
outpainting  a picture to be extended, turned into one to be inpainted
batch_key    which images may share a forward pass
scheduler    who steps next
capacity     how many rows a forward pass should have, measured
plan         what passes between scheduler and runner
ladder       what is tried when memory is exhausted
relief       takes its fallbacks and remembers them
runner       carries out one operation, turns errors into failures of single images
start        where denoising begins, as the task prepared it
tiles        an image too large for one forward pass
state        what an image owns on the device; gather and scatter
preview      small pictures on the way
samplers     diffusers schedulers by name
families     the arithmetic of each model family
invariance   whether a model gives a row the same bits in any batch
vital        signs of life for the watchdog
"""

from importlib import import_module
from typing import TYPE_CHECKING

from renderq_worker.engine.errors import DuplicateGeneration, EngineClosed, EngineError
from renderq_worker.engine.events import (
    Canceled,
    Decoding,
    Encoding,
    Event,
    Failed,
    Loading,
    Previewed,
    Rendered,
    RenderStats,
    Stepped,
    Warned,
)
from renderq_worker.engine.generation import GenerationSpec, Stage
from renderq_worker.engine.health import EngineHealth
from renderq_worker.engine.mailbox import Listener
from renderq_worker.engine.tasks.outpaint import outpaint
from renderq_worker.engine.tasks.types import (
    Depth,
    Depth2Img,
    Img2Img,
    Inpaint,
    Mask,
    Pixels,
    Task,
    Txt2Img,
    Upscale,
    Variation,
)

if TYPE_CHECKING:
    from renderq_worker.engine.engine import Engine
    from renderq_worker.engine.settings import EngineSettings

_WITH_TORCH = {"Engine": "renderq_worker.engine.engine", "EngineSettings": "renderq_worker.engine.settings"}
"""Names that bring torch, which takes seconds: imported when somebody asks, for a simulated device does not."""

__all__ = [
    "Canceled",
    "Decoding",
    "Depth",
    "Depth2Img",
    "DuplicateGeneration",
    "Encoding",
    "Engine",
    "EngineClosed",
    "EngineError",
    "EngineHealth",
    "EngineSettings",
    "Event",
    "Failed",
    "GenerationSpec",
    "Img2Img",
    "Inpaint",
    "Listener",
    "Loading",
    "Mask",
    "Pixels",
    "Previewed",
    "RenderStats",
    "Rendered",
    "Stage",
    "Stepped",
    "Task",
    "Txt2Img",
    "Upscale",
    "Variation",
    "Warned",
    "outpaint",
]


def __getattr__(name: str) -> object:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WITH_TORCH[name]), name)
