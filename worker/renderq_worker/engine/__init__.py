"""Engine: renders images from generations, one denoising step at a time, several images per forward pass.

Other packages import from here only. Names that need torch are imported on first use.

engine             thread and loop; submit, cancel, free slots
engine_factory     the real or the simulated engine, from the worker's settings
protocol           what both engines offer
simulated          engine without a model, for load tests
mailbox            requests in, events out, between threads
generation         one image in flight
events             progress and end of a generation, for its listener
tasks              input images and masks, and the preparation of an image's latents
batch_key          which images may share a forward pass
batch_size         rows per forward pass, measured
batch_limits       what may share a forward pass with an image
batch_invariance   whether an image keeps its bits in a batch, measured
scheduler          which operation is next
plan               one operation and its result, between scheduler and runner
operation          what one operation did, for metrics
runner             execution of one operation; errors become failures of single images
failure            reason why an image ended
error_mapping      exceptions to failures
oom_handler        fallbacks when memory is exhausted: choice, execution, memory of past ones
oom_fallbacks      their order and texts
fallback_kind      their names
latents            tensors of one image; gather and scatter
prepared_latents   where denoising begins, as the task prepared it
guidance           classifier-free guidance
noise_schedulers   diffusers schedulers by name
tiles              an image too large for one forward pass
autoencoder        pixels to latents and back
preview            small images during denoising
families           arithmetic of each model family
health             liveness for the watchdog
settings           settings of one engine
errors             exceptions
"""

from importlib import import_module
from typing import TYPE_CHECKING

from renderq_worker.engine.engine_factory import create_engine, create_placement, device_name
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
from renderq_worker.engine.loras import AppliedLora
from renderq_worker.engine.mailbox import Listener
from renderq_worker.engine.operation import Operation, OperationListener
from renderq_worker.engine.protocol import EngineProtocol
from renderq_worker.engine.settings import EngineSettings
from renderq_worker.engine.simulated import SimulatedEngine
from renderq_worker.engine.tasks.outpaint import outpaint
from renderq_worker.engine.tasks.types import (
    Depth,
    Depth2Img,
    Edit,
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

_LAZY = {"Engine": "renderq_worker.engine.engine"}
"""Names that need torch, whose import takes seconds; a worker with a simulated device does without."""

__all__ = [
    "AppliedLora",
    "Canceled",
    "Decoding",
    "Depth",
    "Depth2Img",
    "DuplicateGeneration",
    "Edit",
    "Encoding",
    "Engine",
    "EngineClosed",
    "EngineError",
    "EngineHealth",
    "EngineProtocol",
    "EngineSettings",
    "Event",
    "Failed",
    "GenerationSpec",
    "Img2Img",
    "Inpaint",
    "Listener",
    "Loading",
    "Mask",
    "Operation",
    "OperationListener",
    "Pixels",
    "Previewed",
    "RenderStats",
    "Rendered",
    "SimulatedEngine",
    "Stage",
    "Stepped",
    "Task",
    "Txt2Img",
    "Upscale",
    "Variation",
    "Warned",
    "create_engine",
    "create_placement",
    "device_name",
    "outpaint",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
